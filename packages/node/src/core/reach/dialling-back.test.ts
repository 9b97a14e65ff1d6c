import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import type { Address, Nat, PeerId } from '../net/index.ts';
import { createDiallingBack, type DiallingBackDeps } from './dialling-back.ts';

const [SELF, ASKER, STRANGER] = ['self', 'asker', 'stranger'];
const { signal } = new AbortController();

interface Setting {
  readonly own?: readonly Address[];
  /** Where members see this node. */
  readonly seen?: Address;
  /** Where the router, or nothing, leads here. */
  readonly leadsHere?: (address: Address) => boolean;
  /** From where the asker is connected. */
  readonly askerAt?: Address;
}

function setUp({
  own = ['/ip4/10.0.0.2/tcp/4100/p2p/self'],
  seen = '/ip4/203.0.113.9/tcp/50000',
  leadsHere = () => false,
  askerAt = '/ip4/198.51.100.4/tcp/33333',
}: Setting = {}) {
  const tried: Address[] = [];
  const nat = {
    observed: async () => seen,
    expectTrial: () => ({ [Symbol.dispose]() {} }),
    isReachedAt: async (address: Address) => {
      tried.push(address);
      return true;
    },
  };
  const asked: Address[][] = [];
  const call = async (_peer: PeerId, _capability: unknown, _method: string, input: unknown) => {
    const { addresses } = input as { addresses: Address[] };
    asked.push(addresses);
    return { tried: addresses.length, reached: addresses.filter(leadsHere) };
  };
  const connection = { peerId: ASKER, remoteAddress: askerAt };
  const back = createDiallingBack({
    nat: nat as unknown as Nat,
    net: { peerId: SELF, addresses: () => [...own], connections: () => [connection] },
    rpc: { call },
    membership: { view: () => ({ members: new Map([[ASKER, {}]]) }) },
    clock: createManualClock(),
  } as unknown as DiallingBackDeps);
  return { back, asked, tried };
}

const none: ReadonlySet<Address> = new Set();

test('a node that members dial where it listens is reached', async () => {
  const { back } = setUp({
    own: ['/ip4/203.0.113.9/tcp/4100/p2p/self'],
    leadsHere: (address) => address.includes('203.0.113.9'),
  });
  const finding = await back.find(['a', 'b'], { doubtful: none, signal });
  assert.deepEqual(finding, { asked: 2, reachedBy: 2, outside: [] });
});

test('a port of the same number at the router is found, and is no proof, now or after it was announced', async () => {
  const outside = '/ip4/203.0.113.9/tcp/4100';
  const leadsHere = (address: Address) => address === outside;
  const before = setUp({ leadsHere });
  assert.deepEqual(await before.back.find(['a'], { doubtful: none, signal }), {
    asked: 1,
    reachedBy: 0,
    outside: [outside],
  });
  const own = ['/ip4/10.0.0.2/tcp/4100/p2p/self', `${outside}/p2p/self`];
  const after = setUp({ own, leadsHere });
  assert.deepEqual(await after.back.find(['a'], { doubtful: new Set([outside]), signal }), {
    asked: 1,
    reachedBy: 0,
    outside: [outside],
  });
});

test('a port that the router was asked to lead here is proof', async () => {
  const mapped = '/ip4/203.0.113.9/tcp/4100';
  const { back } = setUp({
    own: ['/ip4/10.0.0.2/tcp/4100/p2p/self', `${mapped}/p2p/self`],
    leadsHere: (address) => address === mapped,
  });
  assert.equal((await back.find(['a'], { doubtful: none, signal })).reachedBy, 1);
});

test('what is on this machine, or goes through a relay, is not asked for', async () => {
  const { back, asked } = setUp({
    own: [
      '/ip4/127.0.0.1/tcp/4100/p2p/self',
      '/ip4/10.0.0.2/tcp/4100/p2p/self',
      '/ip4/192.0.2.5/tcp/4100/p2p/relay/p2p-circuit/p2p/self',
    ],
  });
  await back.find(['a'], { doubtful: none, signal });
  assert.deepEqual(asked, [['/ip4/203.0.113.9/tcp/4100', '/ip4/10.0.0.2/tcp/4100']]);
});

test('a member is dialled back only at the host from which it is connected, strangers nowhere', async () => {
  const { back, tried } = setUp();
  const addresses = [
    '/ip4/198.51.100.4/tcp/4100',
    '/ip4/192.0.2.77/tcp/25',
    '/ip4/198.51.100.4/tcp/1/p2p/r/p2p-circuit',
  ];
  const answer = await back.serve(addresses, ASKER as string, signal);
  assert.deepEqual(answer, { tried: 1, reached: ['/ip4/198.51.100.4/tcp/4100'] });
  assert.deepEqual(tried, ['/ip4/198.51.100.4/tcp/4100/p2p/asker']);
  await assert.rejects(back.serve(addresses, STRANGER as string, signal), { code: 'NOT_A_MEMBER' });
});

test('a member that asks again and again is put off', async () => {
  const { back } = setUp();
  for (let i = 0; i < 8; i++) await back.serve([], ASKER as string, signal);
  await assert.rejects(back.serve([], ASKER as string, signal), { code: 'OVERLOADED' });
});

test('who is seen at another host than its own has a router before it', async () => {
  assert.equal(await setUp().back.isSeenElsewhere('a', signal), true);
  const own = ['/ip4/203.0.113.9/tcp/4100/p2p/self'];
  assert.equal(await setUp({ own }).back.isSeenElsewhere('a', signal), false);
});
