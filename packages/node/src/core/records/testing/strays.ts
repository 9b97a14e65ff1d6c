/** Records that lie where nobody wrote them, and the members that let them lie there. */
import { formatVersion, type Member } from '@p2pos/protocol';
import { encodeState } from '../cas/state.ts';
import { encodeHeader } from '../format/record.ts';
import { MAX_SEALED, type Sealed, seal } from '../format/seal.ts';
import { openRecordTable } from '../replica/store.ts';
import type { CheckedRecord } from '../replica/stored.ts';
import { nameOf, type Testbed } from './testbed.ts';

export const DAY_MS = 3_600_000; // in these tests
export const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000, keepDeletedMs: DAY_MS };
const bytes = (text: string) => new TextEncoder().encode(text);

export async function count(
  bed: Testbed,
  index: number,
  table: 'records' | 'repair_aside' | 'repair_caught' | 'repair_returning' | 'repair_hints',
): Promise<number> {
  const [row] = await bed.node(index).store.read<{ n: number }>(`SELECT count(*) AS n FROM ${table}`);
  return row?.n ?? 0;
}

/** Days go by in steps that let the periodic work run. */
export async function pass(bed: Testbed, ms: number): Promise<void> {
  await bed.clock.advance(ms);
  await bed.clock.advanceUntil(() => true, { stepMs: 1, limitMs: 10 });
}

/** All members, of which one may not store. */
export function without(bed: Testbed, index: number): Member[] {
  const { peerId } = bed.node(index);
  return bed
    .members(...bed.nodes().map((node) => node.index))
    .map((member) =>
      member.peerId === peerId
        ? { ...member, capabilities: member.capabilities.filter((one) => one !== 'storage') }
        : member,
    );
}

export function draining(bed: Testbed, indexes: readonly number[], leaving: readonly number[]): Member[] {
  const peers = leaving.map((index) => bed.node(index).peerId);
  return bed.members(...indexes).map((member) => ({ ...member, draining: peers.includes(member.peerId) }));
}

export async function enact(bed: Testbed, members: readonly Member[], force = false): Promise<void> {
  await bed.snapshot(members, { force });
  await bed.settleMembership();
  await bed.clock.advance(20_000);
}

/** By node 0 or another, as if they had been written `agoMs` ago; nobody was told of them. */
export async function recordsOf(
  bed: Testbed,
  keys: readonly string[],
  agoMs: number,
  { by = 0, deleted = false } = {},
): Promise<CheckedRecord[]> {
  const { crypto, systemId, nodes } = bed.system;
  const { peerId: author, signer } = nodes[by] as (typeof nodes)[0];
  const value = deleted ? undefined : bytes('v');
  const version = formatVersion({ ms: bed.clock.now() - agoMs, counter: 0, author });
  const found: CheckedRecord[] = [];
  for (let at = 0; at < keys.length; at += MAX_SEALED) {
    const fields = keys.slice(at, at + MAX_SEALED).map((key) => ({
      ...nameOf(key),
      version,
      expiresAt: undefined,
      value: value && { hash: crypto.sha256(value), bytes: value.length },
    }));
    const headers = fields.map(encodeHeader);
    const sealed = await seal({ crypto, signer, systemId }, headers);
    for (const [i, one] of fields.entries()) {
      const { slot } = bed.node(0).records.locate(one);
      const record = { fields: one, header: headers[i] as Uint8Array, value: value ?? null, slot, count: 3 };
      found.push({ ...record, ...(sealed[i] as Sealed) });
    }
  }
  return found;
}

export const registerOf = (key: string) => ({
  namespace: 'default/kv-cas',
  partition: bytes(key),
  key: bytes(key),
});

/** By node 0, as if it had proposed that under the ballot. */
export async function acceptedOf(
  bed: Testbed,
  key: string,
  ballot: string,
  value: string,
): Promise<CheckedRecord> {
  const { crypto, systemId, nodes } = bed.system;
  const { signer } = nodes[0] as (typeof nodes)[0];
  const state = encodeState({
    version: ballot,
    value: bytes(value),
    expiresAt: undefined,
    whole: true,
    changes: [{ version: ballot, request: undefined, previous: undefined }],
  });
  const fields = {
    ...registerOf(key),
    version: ballot,
    expiresAt: undefined,
    value: { hash: crypto.sha256(state), bytes: state.length },
  };
  const header = encodeHeader(fields);
  const [sealed] = await seal({ crypto, signer, systemId }, [header]);
  const { slot } = bed.node(0).records.locate(registerOf(key));
  return {
    fields,
    header,
    value: state,
    slot,
    count: 3,
    register: { deleted: false },
    ...(sealed as Sealed),
  };
}

export async function plant(bed: Testbed, index: number, records: readonly CheckedRecord[]): Promise<void> {
  const table = await openRecordTable({ store: bed.node(index).store, crypto: bed.system.crypto });
  for (let at = 0; at < records.length; at += 1_000)
    await table.accept(records.slice(at, at + 1_000), bed.clock.now());
}
