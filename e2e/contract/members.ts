/** Every operation on the root of trust, there and back. */
import assert from 'node:assert/strict';
import { membersRoutes } from '@p2pos/protocol';
import type { Call } from '@p2pos/sdk';
import { TEST_PEER } from '../../packages/node/src/testing/http-door.ts';

export const MEMBERS_CASES: Record<string, (call: Call) => Promise<void>> = {
  async 'members.list'(call) {
    assert.equal((await call(membersRoutes.list, {})).epoch, 0);
  },
  async 'members.snapshot'(call) {
    await assert.rejects(call(membersRoutes.snapshot, {}), { code: 'MEMBERS_SNAPSHOT_NONE' });
  },
  async 'members.submit'(call) {
    const body = Uint8Array.of(1);
    assert.equal((await call(membersRoutes.submit, { kind: 'revocation', body })).result, 'applied');
    await assert.rejects(call(membersRoutes.submit, { kind: 'rotation', body }), { code: 'ROOT_FORKED' });
  },
  async 'members.root'(call) {
    assert.deepEqual((await call(membersRoutes.root, {})).conflicts, []);
  },
  async 'members.audit'(call) {
    assert.equal((await call(membersRoutes.audit, { after: 4, limit: 1 })).entries[0]?.seq, 5);
  },
  async 'members.documents'(call) {
    const first = await call(membersRoutes.documents, { list: 'snapshots' });
    const cursor = first.cursor ?? assert.fail('one page');
    const second = await call(membersRoutes.documents, { list: 'snapshots', cursor });
    assert.deepEqual([second.documents[0]?.epoch, second.cursor], [2, null]);
  },
  async 'members.offer'(call) {
    const answer = await call(membersRoutes.offer, {
      peer: TEST_PEER,
      kind: 'snapshot',
      body: Uint8Array.of(1),
    });
    assert.equal(answer.code, 'SNAPSHOT_REVOKED');
    await assert.rejects(call(membersRoutes.offer, { peer: 'x', kind: 'snapshot', body: Uint8Array.of(1) }), {
      code: 'PEER_ID_INVALID',
    });
  },
  async 'members.loss'(call) {
    assert.equal((await call(membersRoutes.loss, { remove: 'a,b' })).records, 7);
  },
  async 'members.acceptLoss'(call) {
    assert.equal((await call(membersRoutes.acceptLoss, {})).before, 'learner');
  },
  async 'members.push'(call) {
    const body = crypto.getRandomValues(new Uint8Array(5_000));
    assert.equal((await call(membersRoutes.push, { body })).result, 'applied');
    assert.deepEqual((await call(membersRoutes.snapshot, {})).body, body);
  },
};
