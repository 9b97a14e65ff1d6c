import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  DeliveryReceipt,
  decodeDocument,
  genesisDocument,
  P2posError,
  SignedReceipt,
  systemIdOf,
  verifyDelivery,
  verifyReceipt,
  verifySnapshotAlone,
} from '@p2pos/protocol';
import { z } from 'zod';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { reasonOf } from '../json-file.ts';
import { crypto } from '../keys.ts';
import { findTarget } from '../target.ts';

const MAX_FILE_BYTES = 1_048_576;
/** What a write answers; the rest of it is not looked at. */
const Answer = z.object({ key: z.string(), version: z.string(), receipt: SignedReceipt });

export const verifyFile: Action = async (invocation, [file = ''], flags) => {
  const { terminal, options, folder } = invocation;
  const text = file === '-' ? await terminal.read(MAX_FILE_BYTES) : readBytes(resolve(folder, file));
  const delivery = parseDelivery(text);
  if (delivery) return verifyDeliveryFile(invocation, delivery, flags);
  const { receipt, ...claimed } = parse(file, text);
  const key = (flags['key'] as string | undefined) ?? claimed.key;
  if (claimed.key !== undefined && key !== claimed.key)
    throw new P2posError('RECEIPT_REFUSED', { reason: 'it is for another key' });
  const valueFile = flags['valueFile'] as string | undefined;
  const genesis = readBytes(pathOf(invocation, flags['genesis'], 'genesis.cbor'));
  const snapshot = await verifySnapshotAlone(
    { genesis, snapshot: readBytes(pathOf(invocation, flags['snapshot'], 'snapshot.cbor')) },
    crypto,
  );
  const { record, version, bytes, peerIds, from, to } = await verifyReceipt(
    receipt,
    {
      systemId: systemIdOf(decodeDocument(genesisDocument, genesis, crypto).hash),
      members: snapshot.members,
      epoch: snapshot.epoch,
      ...(key !== undefined && { key: new TextEncoder().encode(key) }),
      ...(claimed.version !== undefined && { version: claimed.version }),
      ...(valueFile !== undefined && { value: readBytes(resolve(folder, valueFile)) }),
    },
    crypto,
  );
  const told = {
    namespace: record.namespace,
    key: new TextDecoder().decode(record.key),
    version,
    deleted: bytes === undefined,
    bytes: bytes ?? 0,
    signedBy: peerIds,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    epoch: snapshot.epoch,
  };
  if (options.json) {
    terminal.print(JSON.stringify(told));
    return undefined;
  }
  const what = told.deleted ? 'the deletion of' : `${told.bytes} bytes under`;
  terminal.print(`valid: ${peerIds.length} members had ${what} ${told.key} (${told.namespace}) on disk`);
  terminal.print(`version ${told.version}, signed ${told.from} to ${told.to}`);
  for (const member of snapshot.members)
    if (peerIds.includes(member.peerId)) terminal.print(`  ${member.name}  ${member.peerId}`);
  return undefined;
};

/** Of a published message. */
async function verifyDeliveryFile(
  invocation: Invocation,
  receipt: DeliveryReceipt,
  flags: Readonly<Record<string, unknown>>,
): Promise<undefined> {
  const { terminal, options, folder } = invocation;
  const valueFile = flags['valueFile'] as string | undefined;
  const topic = flags['key'] as string | undefined;
  const genesis = readBytes(pathOf(invocation, flags['genesis'], 'genesis.cbor'));
  const snapshot = await verifySnapshotAlone(
    { genesis, snapshot: readBytes(pathOf(invocation, flags['snapshot'], 'snapshot.cbor')) },
    crypto,
  );
  const { message, peerIds, clients } = await verifyDelivery(
    receipt,
    {
      systemId: systemIdOf(decodeDocument(genesisDocument, genesis, crypto).hash),
      members: snapshot.members,
      epoch: snapshot.epoch,
      ...(topic !== undefined && { topic }),
      ...(valueFile !== undefined && { data: readBytes(resolve(folder, valueFile)) }),
    },
    crypto,
  );
  const { hash: _, ...named } = message;
  const told = { ...named, clients, signedBy: peerIds, epoch: snapshot.epoch };
  if (options.json) terminal.print(JSON.stringify(told));
  else {
    terminal.print(
      `valid: ${peerIds.length} node(s) had ${message.bytes} bytes published to ${message.topic} for ${clients} client(s)`,
    );
    for (const member of snapshot.members)
      if (peerIds.includes(member.peerId)) terminal.print(`  ${member.name}  ${member.peerId}`);
  }
  return undefined;
}

function parseDelivery(text: Uint8Array): DeliveryReceipt | undefined {
  try {
    const result = DeliveryReceipt.safeDecode(JSON.parse(new TextDecoder().decode(text)) as never);
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

function parse(
  file: string,
  text: Uint8Array,
): { readonly receipt: SignedReceipt; readonly key?: string; readonly version?: string } {
  let value: unknown;
  try {
    if (text.length <= MAX_FILE_BYTES) value = JSON.parse(new TextDecoder().decode(text));
  } catch {
    // Told below.
  }
  const answer = Answer.safeDecode(value as never);
  if (answer.success) return answer.data;
  const alone = SignedReceipt.safeDecode(value as never);
  if (alone.success) return { receipt: alone.data };
  throw new P2posError('FILE_UNREADABLE', { file, reason: 'there is no signed receipt in it' });
}

/** A file that was named, or the one in the node's home. */
function pathOf(invocation: Invocation, named: unknown, name: string): string {
  if (typeof named === 'string') return resolve(invocation.folder, named);
  const { home } = findTarget(invocation);
  if (home !== undefined) return join(home, 'system', name);
  const option = name.replace('.cbor', '');
  throw usage(
    `There is no home of a node on this machine: give --${option} FILE.`,
    'p2pctl receipt verify --help',
  );
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(cause) }, { cause });
  }
}
