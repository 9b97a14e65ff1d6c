/** `p2pctl system push`: hands signed root documents and snapshots to a node, which passes them on. */
import { resolve } from 'node:path';
import {
  type DocumentKind,
  decodeDocument,
  keyRotationDocument,
  membersRoutes,
  P2posError,
  revocationDocument,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { readBytes } from '../keys/key-file.ts';
import { crypto } from '../keys.ts';
import { wordsOf } from '../members/pushed.ts';
import { withNode } from '../node-client.ts';

const KINDS = {
  rotation: keyRotationDocument,
  revocation: revocationDocument,
  snapshot: snapshotDocument,
} as const;
type Kind = keyof typeof KINDS;

export const pushDocument: Action = async (invocation, [word = ''], flags) => {
  const { terminal, options, signal, folder } = invocation;
  const file = resolve(folder, word);
  const bytes = readBytes(file);
  const kind = kindOf(bytes);
  const answer = await withNode(invocation, async ({ client }) => {
    if (kind === 'rotation' && flags['undoRevocations'] !== true) await requireKept(client, bytes, signal);
    return client.call(membersRoutes.submit, { kind, body: bytes }, { signal });
  });
  terminal.print(
    options.json ? JSON.stringify({ kind, ...answer }) : `${kind}: ${answer.result}; ${wordsOf(answer)}`,
  );
  return undefined;
};

/** A rotation undoes what it does not keep; whoever drew it up by a transcript may not know of all. */
async function requireKept(client: Pick<Client, 'members'>, bytes: Uint8Array, signal: AbortSignal) {
  const { body, hash } = decodeDocument(keyRotationDocument, bytes, crypto);
  const list = async (name: 'rotations' | 'revocations') => {
    const hashes: string[] = [];
    for await (const { hash } of client.members.documents(name, { signal })) hashes.push(hash);
    return hashes;
  };
  // Those of its own keys came after it.
  if ((await list('rotations')).includes(toHex(hash))) return;
  const kept = new Set(body.keptRevocations.map(toHex));
  const undone = (await list('revocations')).filter((one) => !kept.has(one));
  if (undone.length === 0) return;
  throw usage(
    `The key rotation would undo revocations that the node holds: ${undone.join(', ')}. Make it anew with a transcript that has them, or push it all the same and let the new keys sign them again.`,
    'p2pctl system push FILE --undo-revocations',
  );
}

function kindOf(bytes: Uint8Array): Kind {
  for (const [kind, document] of Object.entries(KINDS) as [Kind, DocumentKind<unknown>][]) {
    try {
      decodeDocument(document, bytes, crypto);
      return kind;
    } catch {
      // Another kind, perhaps.
    }
  }
  throw new P2posError('CEREMONY_FILE_KIND', {
    found: 'something else',
    expected: 'key rotation, revocation or snapshot',
  });
}

export const showRoot: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const root = await withNode(invocation, ({ client }) => client.call(membersRoutes.root, {}, { signal }));
  if (options.json) {
    terminal.print(JSON.stringify(root));
    return undefined;
  }
  terminal.print(`system ${root.name}: ${root.systemId}`);
  terminal.print(`system keys, version ${root.keysVersion}: ${root.threshold} of ${root.keys.length} sign`);
  for (const key of root.keys) terminal.print(`  ${key}`);
  if (root.fork)
    terminal.print(terminal.paint('red', `forked after ${root.fork}: changes of the root are halted`));
  if (root.proof)
    terminal.print(
      `admin ${root.proof.adminPeerId}, serial ${root.proof.serial}, until ${root.proof.validTo}`,
    );
  for (const { loser, refused } of root.conflicts) {
    terminal.print(
      terminal.paint(
        'yellow',
        `unmerged branch ${loser}; refused because of it: ${refused.join(', ') || 'nobody'}`,
      ),
    );
  }
  return undefined;
};

export const showAudit: Action = async (invocation, _args, flags) => {
  const { terminal, options, signal } = invocation;
  const after = Number(flags['after'] ?? 0);
  const { entries } = await withNode(invocation, ({ client }) =>
    client.call(membersRoutes.audit, { after, limit: 200 }, { signal }),
  );
  if (options.json) terminal.print(JSON.stringify({ entries }));
  else {
    for (const { seq, at, result, document, epoch, code, from } of entries) {
      terminal.print(
        `${seq} ${at} ${result} ${document}${epoch === undefined ? '' : ` ${epoch}`}${code ? ` ${code}` : ''} from ${from}`,
      );
    }
  }
  return undefined;
};
