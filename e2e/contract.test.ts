/** Every operation of the contract, through the real client and the real door. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contract, isErrorCode, type Route } from '@p2pos/protocol';
import { type Call, connect } from '@p2pos/sdk';
import { createTestDoor } from '../packages/node/src/testing/http-door.ts';
import { APPS_CASES } from './contract/apps.ts';
import { KV_CASES } from './contract/kv.ts';
import { MEMBERS_CASES } from './contract/members.ts';
import { NETWORK_CASES } from './contract/network.ts';
import { NODE_CASES, supervisor } from './contract/node.ts';
import { PUBSUB_CASES } from './contract/pubsub.ts';
import { SQL_CASES } from './contract/sql.ts';

/** What `contract-samples.test.ts` cannot see: refusals, and answers that follow from what was asked. */
const CASES: Record<string, (call: Call) => Promise<void>> = {
  ...APPS_CASES,
  ...KV_CASES,
  ...MEMBERS_CASES,
  ...NETWORK_CASES,
  ...NODE_CASES,
  ...PUBSUB_CASES,
  ...SQL_CASES,
};

const operations = Object.entries(contract).flatMap(([capability, routes]) =>
  Object.entries<Route>(routes).map(([name, route]) => ({ id: `${capability}.${name}`, route })),
);

describe('the contract, over HTTP and over a socket', () => {
  it('has no case for what there is not', () => {
    const known = new Set(operations.map(({ id }) => id));
    assert.deepEqual(
      Object.keys(CASES).filter((id) => !known.has(id)),
      [],
    );
  });

  for (const { id, route } of operations) {
    it(`${id}: documented, granted, refused without a token, and there and back`, async () => {
      assert.match(route.summary, /^[A-Z].*\.$/);
      for (const code of route.errors) assert.ok(isErrorCode(code), code);
      await using door = await createTestDoor({ supervisor });
      const refused = await fetch(`${door.url}${route.path.replace(/\{\w+\+?\}/g, 'x')}`, {
        method: route.method,
      });
      if (route.grant === 'none' || route.grant === 'loopback') {
        assert.notEqual(refused.status, 401);
      } else {
        assert.match(route.grant, /^[a-z]+:[a-z]+$|^token$/);
        assert.equal(refused.status, 401);
        assert.equal(refused.headers.get('x-p2pos-error'), 'AUTH_REQUIRED');
      }
      for (const transport of ['http', 'socket'] as const) {
        await using own = await createTestDoor({ supervisor });
        await using client = connect({ url: own.url, token: own.token, transport });
        await CASES[id]?.(client.call);
        assert.deepEqual(own.errors, []);
      }
    });
  }
});
