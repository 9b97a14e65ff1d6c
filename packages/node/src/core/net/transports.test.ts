import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogFields, silentLogger } from '../log/index.ts';
import { loadTransports, rank, transportOf } from './transports.ts';

const TCP = '/ip4/127.0.0.1/tcp/4100';
const QUIC = '/ip4/127.0.0.1/udp/4100/quic-v1';

test('without the addon of quic a node goes on, and says so once', async () => {
  const lines: LogFields[] = [];
  const log = { ...silentLogger, info: (fields: LogFields) => lines.push(fields) };
  const { transports, listen } = await loadTransports(log, [TCP, QUIC], async () => {
    throw new Error('no such addon');
  });
  assert.equal(transports.length, 3);
  assert.deepEqual(listen, [TCP]);
  assert.deepEqual(lines, [{ action: 'load_quic', result: 'unavailable', reason: 'no such addon' }]);
});

test('with it there is quic', async () => {
  const { transports, listen } = await loadTransports(silentLogger, [TCP, QUIC]);
  assert.equal(transports.length, 4);
  assert.deepEqual(listen, [TCP, QUIC]);
});

test('tcp with tls comes first', () => {
  const best = [
    rank(transportOf(TCP), '/tls/1.0.0'),
    rank(transportOf(TCP), '/noise'),
    rank(transportOf(QUIC), 'native'),
    rank(transportOf('/ip4/127.0.0.1/tcp/4102/ws'), '/tls/1.0.0'),
  ];
  assert.deepEqual(
    best,
    best.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(best).size, best.length);
});
