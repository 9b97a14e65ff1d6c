import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, isP2posError } from '@p2pos/protocol';
import { createTestnet, type Testnet } from '../../testing/testnet.ts';

const refusedWith = (code: ErrorCode) => (error: unknown) => isP2posError(error, code);
const bytes = (text: string) => new TextEncoder().encode(text);
const apps = (net: Testnet, i: number) => net.nodes[i]?.apps as NonNullable<(typeof net.nodes)[0]>['apps'];

async function withShop() {
  const net = await createTestnet(5, { slots: 64 });
  await net.settle();
  await net.during(apps(net, 0).put('shop', undefined));
  const made = await net.during(
    apps(net, 0).createToken('shop', { label: 'web', grants: ['kv:read', 'kv:write@carts/'] }),
  );
  return { net, ...made };
}

test('a token made on one node is known at once on every other', async () => {
  const { net, secret, token } = await withShop();
  await using _net = net;
  for (const i of [0, 1, 2, 3, 4]) {
    const tenant = await net.during(apps(net, i).admit(secret));
    assert.deepEqual([tenant?.app, tenant?.token.id], ['shop', token.id]);
  }
  // Another, while the app is remembered without it.
  const second = await net.during(apps(net, 1).createToken('shop', { label: '', grants: ['kv:read'] }));
  assert.equal((await net.during(apps(net, 3).admit(second.secret)))?.app, 'shop');
  assert.equal(await net.during(apps(net, 3).admit(`${secret.slice(0, -1)}x`)), undefined);
});

test('a revoked token ends within ten seconds where a majority can be asked', async () => {
  const { net, secret, token } = await withShop();
  await using _net = net;
  await net.during(apps(net, 4).admit(secret));
  assert.equal(await net.during(apps(net, 0).revokeToken('shop', token.id)), true);
  assert.equal(await net.during(apps(net, 0).admit(secret)), undefined, 'where it was revoked: at once');
  await net.clock.advance(10_000);
  assert.equal(await net.during(apps(net, 4).admit(secret)), undefined);
  assert.equal(await net.during(apps(net, 0).revokeToken('shop', token.id)), false);
});

test('a node that is cut off goes on for a minute, then takes no tenant', async () => {
  const { net, secret, token } = await withShop();
  await using _net = net;
  await net.during(apps(net, 4).admit(secret));
  net.partition([4], [0, 1, 2, 3]);
  await net.during(apps(net, 0).revokeToken('shop', token.id));
  await net.clock.advance(30_000);
  assert.ok(await net.during(apps(net, 4).admit(secret)), 'within the bound it goes on');
  await net.clock.advance(30_000);
  await assert.rejects(net.during(apps(net, 4).admit(secret)), refusedWith('AUTH_STALE'));
  net.heal();
  await net.settle();
  assert.equal(await net.during(apps(net, 4).admit(secret)), undefined);
});

test('tokens expire, rotate and are suspended with their app', async () => {
  const { net } = await withShop();
  await using _net = net;
  const { secret, token } = await net.during(
    apps(net, 0).createToken('shop', { label: 'short', grants: ['kv:*'], expiresInMs: 60_000 }),
  );
  const next = await net.during(apps(net, 0).rotateToken('shop', token.id, 5_000));
  assert.deepEqual(next.token.grants, ['kv:*']);
  assert.ok(await net.during(apps(net, 0).admit(secret)), 'the old one within its grace');
  await net.clock.advance(5_001);
  await assert.rejects(net.during(apps(net, 0).admit(secret)), refusedWith('TOKEN_EXPIRED'));
  assert.ok(await net.during(apps(net, 0).admit(next.secret)));
  await net.during(apps(net, 0).setState('shop', 'suspended'));
  await assert.rejects(net.during(apps(net, 0).admit(next.secret)), refusedWith('APP_SUSPENDED'));
  await net.during(apps(net, 0).setState('shop', 'active'));
  assert.ok(await net.during(apps(net, 0).admit(next.secret)));
  await net.clock.advance(60_000);
  await assert.rejects(net.during(apps(net, 0).admit(next.secret)), refusedWith('TOKEN_EXPIRED'));
});

test('what belongs to the operator cannot be granted, limited or deleted', async () => {
  await using net = await createTestnet(3, { slots: 64 });
  await net.settle();
  const first = apps(net, 0);
  await net.during(first.put('shop', undefined));
  for (const grant of ['apps:write', 'members:read', '*:*', 'dev:*'])
    await assert.rejects(
      net.during(first.createToken('shop', { label: '', grants: [grant] })),
      refusedWith('GRANT_REFUSED'),
      grant,
    );
  await assert.rejects(net.during(first.put('default', {})), refusedWith('APP_PROTECTED'));
  await assert.rejects(net.during(first.setState('default', 'suspended')), refusedWith('APP_PROTECTED'));
  await assert.rejects(
    net.during(first.delete('system', { signal: new AbortController().signal })),
    refusedWith('APP_PROTECTED'),
  );
  await assert.rejects(net.during(first.check('nobody')), refusedWith('APP_NOT_FOUND'));
  // Tokens of the operator's own app may hold what the operator gives them.
  const { secret } = await net.during(
    first.createToken('default', { label: 'ci', grants: ['members:read'] }),
  );
  assert.equal((await net.during(apps(net, 1).admit(secret)))?.app, 'default');
});

test('an app is deleted with its data and tokens, and its name is free again', async () => {
  const { net, secret } = await withShop();
  await using _net = net;
  const kv = net.nodes[0]?.kv;
  assert.ok(kv);
  for (const key of ['a', 'b', 'c']) await net.during(kv.put({ app: 'shop', key, value: bytes(key) }));
  await net.during(
    kv.cas.change({ app: 'shop', key: 'd', value: bytes('d'), condition: { kind: 'absent' } }),
  );
  await net.during(kv.put({ app: 'other', key: 'a', value: bytes('mine') }));
  const { signal } = new AbortController();
  assert.deepEqual(await net.during(apps(net, 1).delete('shop', { signal })), {
    existed: true,
    deleted: { databases: 0, records: 4 },
  });
  assert.equal(await net.during(apps(net, 1).admit(secret)), undefined);
  assert.deepEqual((await net.during(kv.list({ app: 'shop' }))).keys, []);
  assert.deepEqual((await net.during(kv.list({ app: 'other' }))).keys, ['a']);
  // A gateway that was cut off may still have let a write in.
  await net.during(kv.put({ app: 'shop', key: 'late', value: bytes('x') }));
  await assert.rejects(net.during(apps(net, 2).put('shop', undefined)), refusedWith('APP_DELETING'));
  await net.clock.advance(120_000);
  const again = await net.during(apps(net, 2).put('shop', undefined));
  assert.deepEqual((await net.during(kv.list({ app: 'shop' }))).keys, []);
  assert.deepEqual([again.created, again.document.tokens], [true, []]);
});

test('through all nodes at once an app stays within 110 % of its rate', async () => {
  await using net = await createTestnet(5, { slots: 64 });
  await net.settle();
  await net.during(apps(net, 0).put('shop', { requests: 100 }));
  const { secret } = await net.during(apps(net, 0).createToken('shop', { label: '', grants: ['kv:read'] }));
  const tenants = await Promise.all([0, 1, 2, 3, 4].map((i) => net.during(apps(net, i).admit(secret))));
  let taken = 0;
  let refused = 0;
  const second = async () => {
    for (let step = 0; step < 20; step++) {
      // A hundred times the quota, through all nodes.
      for (const [i, tenant] of tenants.entries())
        for (let n = 0; n < 100; n++) {
          assert.ok(tenant);
          apps(net, i)
            .charge(tenant.document, {})
            .then(
              () => taken++,
              () => refused++,
            );
        }
      await net.clock.advance(50);
    }
  };
  await second();
  taken = 0;
  refused = 0;
  for (let s = 0; s < 10; s++) await second();
  assert.ok(refused > 90_000, `refused ${refused}`);
  assert.ok(taken <= 1_100, `took ${taken} of 1 000`);
  assert.ok(taken >= 800, `took only ${taken} of 1 000`);
});

test('one node may use the whole of a quota that nobody else wants', async () => {
  await using net = await createTestnet(5, { slots: 64 });
  await net.settle();
  await net.during(apps(net, 0).put('shop', { requests: 100 }));
  const { secret } = await net.during(apps(net, 0).createToken('shop', { label: '', grants: ['kv:read'] }));
  const tenant = await net.during(apps(net, 3).admit(secret));
  assert.ok(tenant);
  let taken = 0;
  for (let step = 0; step < 140; step++) {
    for (let n = 0; n < 10; n++)
      apps(net, 3)
        .charge(tenant.document, {})
        .then(
          () => {
            if (step >= 40) taken++;
          },
          () => {},
        );
    await net.clock.advance(50);
  }
  assert.ok(taken >= 400 && taken <= 550, `took ${taken} in 5 s of 100 a second`);
});

test('plain keys, agreed ones and locks fill an app, and then it is refused what stores', async () => {
  await using net = await createTestnet(5, { slots: 64 });
  await net.settle();
  await net.during(apps(net, 0).put('shop', { storedBytes: 1_000 }));
  const { secret } = await net.during(apps(net, 0).createToken('shop', { label: '', grants: ['kv:*'] }));
  const tenant = await net.during(apps(net, 1).admit(secret));
  const kv = net.nodes[0]?.kv;
  assert.ok(tenant && kv);
  const ask = (charge: { requests?: number; stores?: boolean }) =>
    net.during(apps(net, 1).charge(tenant.document, charge));
  const value = bytes('x'.repeat(300));
  const condition = { kind: 'any' } as const;
  await net.during(kv.put({ app: 'shop', key: 'plain', value }));
  await net.during(kv.cas.change({ app: 'shop', key: 'agreed', value, condition }));
  await ask({ stores: true });
  for (const name of ['a', 'b'])
    await net.during(kv.cas.lock({ app: 'shop', key: name.repeat(300), holder: 'me', ttlMs: 60_000 }));
  // The sum is a few seconds old at most.
  for (let i = 0; i < 8; i++) {
    await net.clock.advance(1_000);
    await ask({});
  }
  const { refused } = await net.during(apps(net, 1).usage('shop'));
  await assert.rejects(ask({ requests: 0, stores: true }), refusedWith('QUOTA_STORAGE'));
  assert.equal((await net.during(apps(net, 1).usage('shop'))).refused, refused);
  await assert.rejects(ask({ stores: true }), refusedWith('QUOTA_STORAGE'));
  await ask({});
});

test('administrative calls are told to whoever audits, through any node', async () => {
  await using net = await createTestnet(3, { slots: 64 });
  await net.settle();
  for (const target of ['one', 'two'])
    await net.during(
      apps(net, 0).note({ actor: 'operator', app: 'default', operation: 'apps.put', target, outcome: 'ok' }),
    );
  await net.clock.advance(1_000);
  await net.during(
    apps(net, 1).note({
      actor: 'x',
      app: 'default',
      operation: 'apps.delete',
      target: 'one',
      outcome: 'APP_NOT_FOUND',
    }),
  );
  const entries = await net.during(apps(net, 2).audit(10));
  assert.equal(entries.length, 3);
  assert.deepEqual([entries[0]?.operation, entries[0]?.node], ['apps.delete', net.nodes[1]?.peerId]);
});
