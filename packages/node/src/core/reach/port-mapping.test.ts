import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../testing/eventually.ts';
import { createFakeRouter, type FakeRouterConfig } from '../../testing/fake-router.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { silentLogger } from '../log/index.ts';
import { createPortMapping } from './port-mapping.ts';
import { createUpnp } from './upnp/index.ts';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';

async function setUp(config: FakeRouterConfig & { readonly wanted?: boolean } = {}) {
  const fake = await createFakeRouter(config);
  const clock = createManualClock();
  let wanted = config.wanted ?? true;
  let changes = 0;
  const mapping = createPortMapping(
    {
      mapper: createUpnp({ fetch }, { places: () => [fake.place] }),
      net: {
        addresses: () => [
          `/ip4/127.0.0.1/tcp/4100/p2p/${PEER}`,
          `/ip4/127.0.0.1/tcp/4102/ws/p2p/${PEER}`,
          `/ip4/127.0.0.1/udp/4100/quic-v1/p2p/${PEER}`,
          `/ip4/10.9.9.9/tcp/4100/p2p/${PEER}`,
          `/ip6/::1/tcp/4100/p2p/${PEER}`,
        ],
      },
      clock,
      random: createSeededRandom(1),
      log: silentLogger,
    },
    { isWanted: () => wanted, onChange: () => changes++, leaseS: 600 },
  );
  const reaches = (state: string) => eventually(() => assert.equal(mapping.current().state, state));
  return {
    fake,
    clock,
    mapping,
    reaches,
    changes: () => changes,
    want() {
      wanted = true;
      mapping.look();
    },
    async [Symbol.asyncDispose]() {
      await mapping[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

test('all ports in the network of the router are led here, renewed at half of their time, and taken back', async () => {
  await using one = await setUp();
  await one.reaches('mapped');
  assert.deepEqual(one.mapping.current().addresses, [
    '/ip4/198.51.100.7/tcp/4100',
    '/ip4/198.51.100.7/tcp/4102/ws',
    '/ip4/198.51.100.7/udp/4100/quic-v1',
  ]);
  assert.deepEqual([...one.fake.table.keys()].sort(), ['TCP 4100', 'TCP 4102', 'UDP 4100']);
  assert.equal(one.fake.table.get('TCP 4100')?.leaseS, 600);
  // As after a restart of the router.
  one.fake.table.clear();
  await one.clock.advance(370_000);
  await eventually(() => assert.equal(one.fake.table.size, 3));
  assert.equal(one.changes(), 1);
  await one.mapping[Symbol.asyncDispose]();
  assert.equal(one.fake.table.size, 0);
});

test('a port that another host has is led here from another number', async () => {
  await using one = await setUp({ taken: [4_100] });
  await one.reaches('mapped');
  const [first = '', second] = one.mapping.current().addresses;
  const port = Number(/\/tcp\/(\d+)$/.exec(first)?.[1]);
  assert.ok(port >= 49_152, first);
  assert.equal(second, '/ip4/198.51.100.7/tcp/4102/ws');
  assert.equal(one.fake.table.get(`TCP ${port}`)?.port, 4_100);
  await one.mapping[Symbol.asyncDispose]();
  assert.equal(one.fake.table.size, 0);
});

test('a router that knows no times is asked for good, and the port taken back all the same', async () => {
  await using one = await setUp({ onlyPermanent: true });
  await one.reaches('mapped');
  assert.equal(one.fake.table.get('TCP 4100')?.leaseS, 0);
  await one.mapping[Symbol.asyncDispose]();
  assert.equal(one.fake.table.size, 0);
});

test('a router that is behind another one leads nowhere, and it is said', async () => {
  for (const outerHost of ['192.168.0.2', '100.64.3.1']) {
    await using one = await setUp({ outerHost });
    await one.reaches('failed');
    assert.match(one.mapping.current().reason ?? '', /behind another/);
    assert.equal(one.fake.table.size, 0);
  }
});

test('nothing is asked before it is wanted', async () => {
  await using one = await setUp({ wanted: false });
  await one.clock.advance(1_000);
  assert.equal(one.mapping.current().state, 'idle');
  assert.deepEqual(one.fake.asked, []);
  one.want();
  await one.reaches('mapped');
});
