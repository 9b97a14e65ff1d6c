import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../testing/eventually.ts';
import { createNet, type Net } from './index.ts';
import { createTestHost, createTestIdentity, ECHO, echo, soon, TCP } from './test-host.ts';

const hello = new TextEncoder().encode('hello');
const QUIC = '/ip4/127.0.0.1/udp/0/quic-v1';
const WS = '/ip4/127.0.0.1/tcp/0/ws';

const ways = [
  { name: 'tcp and tls', config: {}, transport: 'tcp', encryption: 'tls' },
  { name: 'tcp and noise', config: { encryption: ['noise'] }, transport: 'tcp', encryption: 'noise' },
  { name: 'quic', config: { listen: [QUIC] }, transport: 'quic', encryption: 'tls' },
  { name: 'websockets', config: { listen: [WS] }, transport: 'ws', encryption: 'tls' },
] as const;

for (const { name, config, transport, encryption } of ways) {
  test(`nodes meet over ${name}`, async () => {
    await using a = await createTestHost(config);
    await using b = await createTestHost({ listen: [] });
    const met: string[] = [];
    a.events.on('peer:connected', (peerId) => met.push(peerId));
    assert.equal(await b.dial(a.addresses(), { signal: soon() }), a.peerId);
    assert.deepEqual(await echo(b, a.peerId, hello), hello);
    await eventually(() => assert.deepEqual(met, [b.peerId]));
    assert.deepEqual(await echo(a, b.peerId, hello), hello);
    const [connection] = b.connections();
    assert.equal(connection?.transport, transport);
    assert.equal(connection?.encryption, encryption);
    assert.equal(connection?.direction, 'outbound');
    assert.equal(a.connections()[0]?.direction, 'inbound');
  });

  test(`three megabytes cross whole over ${name}`, async () => {
    await using a = await createTestHost(config);
    await using b = await createTestHost({ listen: [] });
    await b.dial(a.addresses(), { signal: soon() });
    const body = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 31) >>> 3);
    assert.equal(Buffer.compare(await echo(b, a.peerId, body), body), 0);
  });

  test(`a peer that proves another id is refused over ${name}`, async () => {
    await using a = await createTestHost(config);
    await using b = await createTestHost({ listen: [] });
    const wanted = createTestIdentity().peerId;
    const addresses = a.addresses().map((address) => address.replace(a.peerId, wanted));
    await assert.rejects(b.dial(addresses, { signal: soon() }), { code: 'PEER_UNREACHABLE' });
    assert.equal(b.isConnected(a.peerId), false);
    assert.equal(b.isConnected(wanted), false);
  });

  test(`hanging up in the middle of traffic is noticed by the other side over ${name}`, async () => {
    await using a = await createTestHost(config);
    await using b = await createTestHost({ listen: [] });
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      await b.dial(a.addresses(), { signal: soon() });
      const work = [1, 2, 3].map(() => echo(b, a.peerId, new Uint8Array(300_000)));
      await echo(b, a.peerId, hello);
      await from.hangUp(to.peerId);
      await Promise.allSettled(work);
      await eventually(() => assert.equal(to.isConnected(from.peerId), false));
    }
  });

  test(`a peer that goes away is noticed over ${name}`, async () => {
    await using a = await createTestHost(config);
    const b = await createTestHost({ listen: [] });
    await b.dial(a.addresses(), { signal: soon() });
    await eventually(() => assert.equal(a.isConnected(b.peerId), true));
    const ended = Promise.withResolvers<Error | undefined>();
    const channel = await a.open(b.peerId, ECHO, { signal: soon() });
    channel.receive(() => {}, ended.resolve);
    const gone: string[] = [];
    a.events.on('peer:disconnected', (peerId) => gone.push(peerId));
    await b[Symbol.asyncDispose]();
    await ended.promise;
    await eventually(() => assert.deepEqual(gone, [b.peerId]));
    assert.deepEqual(a.connections(), []);
    await assert.rejects(a.open(b.peerId, ECHO, { signal: soon() }), { code: 'PEER_UNREACHABLE' });
  });
}

test('all transports at once; the best carries new channels', async () => {
  await using a = await createTestHost({ listen: [WS, QUIC, TCP] });
  await using b = await createTestHost({ listen: [] });
  assert.equal(a.addresses().length, 3);
  for (const address of a.addresses()) assert.match(address, /\/(tcp|udp)\/[1-9]\d+\/.*p2p\/12D3/);
  await b.dial(a.addresses(), { signal: soon() });
  assert.equal(b.connections()[0]?.transport, 'tcp');
});

test('addresses are empty before the start, and what is announced replaces what is listened on', async () => {
  const config = { listen: [TCP], announce: ['/dns4/node.example/tcp/4100'], admit: () => true };
  const identity = createTestIdentity();
  await using started = await createTestHost({ ...config, identity });
  assert.deepEqual(started.addresses(), [`/dns4/node.example/tcp/4100/p2p/${identity.peerId}`]);
  await using a = await createTestHost({ listen: [] });
  assert.deepEqual(a.addresses(), []);
});

test('nodes that dial each other at once keep working, and hanging up ends all there is', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost();
  await Promise.all([a.dial(b.addresses(), { signal: soon() }), b.dial(a.addresses(), { signal: soon() })]);
  await Promise.all([echo(a, b.peerId, hello), echo(b, a.peerId, hello)]);
  const gone: string[] = [];
  for (const net of [a, b]) net.events.on('peer:disconnected', (peerId) => gone.push(peerId));
  await a.hangUp(b.peerId);
  assert.equal(a.isConnected(b.peerId), false);
  await eventually(() => assert.equal(b.isConnected(a.peerId), false));
  assert.deepEqual(gone.toSorted(), [a.peerId, b.peerId].toSorted());
  await b.dial(a.addresses(), { signal: soon() });
  assert.deepEqual(await echo(b, a.peerId, hello), hello);
});

test('hanging up ends open channels with an error, on both sides', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost();
  const far = Promise.withResolvers<Error | undefined>();
  a.handle('/p2pos/hold/1.0.0', (channel) => channel.receive(() => {}, far.resolve));
  await b.dial(a.addresses(), { signal: soon() });
  const near = Promise.withResolvers<Error | undefined>();
  const channel = await b.open(a.peerId, '/p2pos/hold/1.0.0', { signal: soon() });
  channel.receive(() => {}, near.resolve);
  channel.send(hello);
  await a.hangUp(b.peerId);
  assert.ok((await far.promise) instanceof Error);
  assert.ok((await near.promise) instanceof Error);
  await assert.rejects(channel.drained());
  assert.equal(channel.send(hello), false);
});

test('a peer that may not open a protocol is reset and never reaches its handler', async () => {
  const asked: string[] = [];
  const admitted = new Set<string>();
  await using a = await createTestHost({
    admit: (peerId, protocol) => {
      asked.push(`${peerId} ${protocol}`);
      return admitted.has(peerId);
    },
  });
  await using b = await createTestHost({ listen: [] });
  await b.dial(a.addresses(), { signal: soon() });
  await assert.rejects(echo(b, a.peerId, hello), { code: 'PEER_UNREACHABLE' });
  assert.deepEqual(asked, [`${b.peerId} ${ECHO}`]);
  admitted.add(b.peerId);
  assert.deepEqual(await echo(b, a.peerId, hello), hello);
});

test('a protocol that the peer lacks', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost({ listen: [] });
  await b.dial(a.addresses(), { signal: soon() });
  await assert.rejects(b.open(a.peerId, '/p2pos/none/1.0.0', { signal: soon() }), { code: 'METHOD_UNKNOWN' });
  const handling = a.handle('/p2pos/none/1.0.0', (channel) =>
    channel.receive(
      () => {},
      () => {},
    ),
  );
  (await b.open(a.peerId, '/p2pos/none/1.0.0', { signal: soon() })).close();
  handling[Symbol.dispose]();
  await assert.rejects(b.open(a.peerId, '/p2pos/none/1.0.0', { signal: soon() }), { code: 'METHOD_UNKNOWN' });
});

test('dialling nobody fails with a typed error, and a signal ends it', async () => {
  await using a = await createTestHost({ listen: [] });
  const { peerId } = createTestIdentity();
  await assert.rejects(a.dial([`/ip4/127.0.0.1/tcp/1/p2p/${peerId}`], { signal: soon() }), {
    code: 'PEER_UNREACHABLE',
    details: { peerId, reason: 'connection error 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1' },
  });
  await assert.rejects(a.dial(['not an address'], { signal: soon() }), { code: 'CONFIG_INVALID' });
  await assert.rejects(a.dial([], { signal: soon() }), { code: 'PEER_UNREACHABLE' });
  await assert.rejects(a.dial([`/ip4/127.0.0.1/tcp/1/p2p/${a.peerId}`], { signal: soon() }), {
    code: 'PEER_UNREACHABLE',
  });
  const reason = new Error('enough');
  await assert.rejects(a.dial([`/ip4/127.0.0.1/tcp/1`], { signal: AbortSignal.abort(reason) }), reason);
});

test('a config that cannot be had is refused by name', async () => {
  const { peerId } = createTestIdentity();
  await assert.rejects(createTestHost({ listen: ['/ip4/1.2.3'] }), { code: 'CONFIG_INVALID' });
  await assert.rejects(createTestHost({ identity: { peerId, seed: createTestIdentity().seed } }), {
    code: 'CONFIG_INVALID',
  });
  await using a = await createTestHost();
  const taken = (a.addresses()[0] as string).replace(/\/p2p\/.*/, '');
  await assert.rejects(createTestHost({ listen: [taken] }), (error: Error) => {
    assert.match(error.message, /listen/);
    assert.match(error.message, /EADDRINUSE/);
    return true;
  });
});

test('the number of connections is bounded: in all, per peer, and for strangers', async () => {
  const members = new Set<string>();
  await using a = await createTestHost({
    isMember: (peerId) => members.has(peerId),
    limits: { maxConnections: 3, maxStrangers: 1 },
  });
  const peers: Net[] = [];
  try {
    for (let index = 0; index < 5; index++) peers.push(await createTestHost({ listen: [] }));
    const [first, second, third, fourth, fifth] = peers as [Net, Net, Net, Net, Net];
    for (const member of [third, fourth, fifth]) members.add(member.peerId);
    const reaches = async (peer: Net) => {
      await peer.dial(a.addresses(), { signal: soon() }).catch(() => {});
      return echo(peer, a.peerId, hello).then(
        () => true,
        () => false,
      );
    };
    assert.equal(await reaches(first), true);
    assert.equal(await reaches(second), false);
    assert.equal(await reaches(third), true);
    assert.equal(await reaches(fourth), true);
    assert.equal(await reaches(fifth), false);
    await a.hangUp(first.peerId);
    assert.equal(await reaches(fifth), true);
    assert.equal(a.connections().length, 3);
  } finally {
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  }
});

test('the connections of one peer are bounded, and those that have shaken hands are no handshakes', async () => {
  await using a = await createTestHost({ limits: { maxConnectionsPerPeer: 2, maxHandshakes: 3 } });
  const identity = createTestIdentity();
  const peers: Net[] = [];
  try {
    for (let index = 0; index < 8; index++) {
      peers.push(await createTestHost({ listen: [], ...(index < 4 ? { identity } : {}) }));
    }
    for (const peer of peers) await peer.dial(a.addresses(), { signal: soon() }).catch(() => {});
    await eventually(() => assert.equal(a.connections().length, 6));
    assert.equal(a.connections().filter(({ peerId }) => peerId === identity.peerId).length, 2);
  } finally {
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  }
});

test('streams of one protocol on one connection are bounded', async () => {
  await using a = await createTestHost({ limits: { maxStreamsPerProtocol: 4 } });
  await using b = await createTestHost({ listen: [] });
  let open = 0;
  a.handle('/p2pos/hold/1.0.0', (channel) => {
    open++;
    channel.receive(
      () => {},
      () => open--,
    );
  });
  await b.dial(a.addresses(), { signal: soon() });
  let refused = 0;
  for (let index = 0; index < 10; index++) {
    // Told at once or a moment later, as the reset arrives.
    await b.open(a.peerId, '/p2pos/hold/1.0.0', { signal: soon() }).then(
      (channel) =>
        channel.receive(
          () => {},
          () => refused++,
        ),
      () => refused++,
    );
  }
  await eventually(() => assert.equal(refused, 6));
  assert.equal(open, 4);
});

test('a host that was never started disposes of itself', async () => {
  const identity = createTestIdentity();
  const { createSystemClock } = await import('../clock/index.ts');
  const { createSystemRandom } = await import('../random/index.ts');
  const { silentLogger } = await import('../log/index.ts');
  const deps = { identity, clock: createSystemClock(), random: createSystemRandom(), log: silentLogger };
  const net = await createNet(deps, { listen: [TCP], admit: () => true });
  assert.deepEqual(net.addresses(), []);
  await net[Symbol.asyncDispose]();
});
