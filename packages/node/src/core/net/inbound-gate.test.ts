import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createInboundGate } from './inbound-gate.ts';

function gateAt(config = {}) {
  const clock = createManualClock();
  const gate = createInboundGate(
    { clock },
    { inboundPerSecondPerHost: 5, inboundPerSecondPerPrivateHost: 100, maxHandshakes: 40, ...config },
  );
  /** How many of `count` get in, each ending its handshake at once. */
  const admitted = (address: string, count: number) => {
    let inside = 0;
    for (let index = 0; index < count; index++) {
      const end = gate.enter(address);
      end?.();
      if (end) inside++;
    }
    return inside;
  };
  return { clock, gate, admitted };
}

test('an address gets twice its rate at once, then its rate', async () => {
  const { clock, admitted } = gateAt();
  assert.equal(admitted('203.0.113.1', 100), 10);
  assert.equal(admitted('203.0.113.2', 100), 10);
  await clock.advance(1_000);
  assert.equal(admitted('203.0.113.1', 100), 5);
  await clock.advance(60_000);
  assert.equal(admitted('203.0.113.1', 100), 10);
});

test('loopback and private ranges have a rate of their own', () => {
  const { admitted } = gateAt();
  for (const address of ['127.0.0.1', '::1', '10.1.2.3', '192.168.0.1', '172.31.0.1', 'fd00::1', 'fe80::1']) {
    assert.equal(admitted(address, 1_000), 200, address);
  }
  for (const address of ['172.32.0.1', '11.0.0.1', '2001:db8::1'])
    assert.equal(admitted(address, 1_000), 10, address);
});

test('a network of IPv6 is one host, however it is written', () => {
  const { admitted } = gateAt();
  assert.equal(admitted('2001:db8:0:1::1', 6), 6);
  assert.equal(admitted('2001:db8:0:1:ffff::', 6), 4);
  assert.equal(admitted('2001:0db8:0000:0001:0:0:0:9', 6), 0);
  assert.equal(admitted('2001:db8:0:2::1', 6), 6);
});

test('one host cannot take all handshakes', () => {
  const { gate } = gateAt({ inboundPerSecondPerHost: 1_000 });
  const ends = Array.from({ length: 50 }, () => gate.enter('203.0.113.1'));
  assert.equal(ends.filter(Boolean).length, 10);
  ends[0]?.();
  ends[0]?.();
  assert.equal(Array.from({ length: 5 }, () => gate.enter('203.0.113.1')).filter(Boolean).length, 1);
  assert.ok(gate.enter('203.0.113.2'));
});

test('of countless addresses the one heard of least recently is forgotten', () => {
  const { gate, admitted } = gateAt();
  const flood = (from: number, count: number) => {
    for (let index = from; index < from + count; index++) gate.enter(`198.51.${index >> 8}.${index & 255}`);
  };
  assert.equal(admitted('203.0.113.1', 100), 10);
  flood(0, 9_000);
  assert.equal(admitted('203.0.113.1', 100), 0);
  flood(9_000, 10_000);
  assert.equal(admitted('203.0.113.1', 100), 10);
});
