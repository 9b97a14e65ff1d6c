/** The hash table: places of nodes and values, entries that hold or must be refused, and bodies of the calls. */
import type { z } from 'zod';
import {
  contentKeyOf,
  type DhtEntry,
  dhtEntryDocument,
  dhtKeyOf,
  type kadBodies,
  nodeIdOf,
  signDhtEntry,
} from '../../dht.ts';
import { addSignatures, decodeDocument, signDocument } from '../../documents/document.ts';
import { encodeCbor } from '../../encoding/cbor.ts';
import { toHex } from '../../encoding/hex.ts';
import { peerIdFromPublicKey } from '../../peer-id.ts';
import { testCrypto as crypto, testKey } from '../keys.ts';
import { toNotation } from './notation.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const systemId = `sys1${'a'.repeat(52)}`;
const [anna, bert] = [testKey(21), testKey(22)];
const author = peerIdFromPublicKey(anna.publicKey);
const addresses = ['/ip4/192.0.2.7/tcp/4100'];
const target = new Uint8Array(32).fill(0x5a);

const own: DhtEntry = {
  systemId,
  kind: 'own',
  author,
  topic: 'home',
  entry: '',
  seq: 7,
  issuedAt: '2026-11-21T01:02:03.000000000Z',
  expiresAt: '2026-11-21T02:02:03.000000000Z',
  value: utf8('where I am'),
};
const shared: DhtEntry = { ...own, kind: 'shared', topic: 'mirrors/ü', entry: 'eu-1' };

type Body = z.input<(typeof kadBodies)[keyof typeof kadBodies]['input']>;

export async function dhtVectors() {
  const sign = (entry: DhtEntry) => signDhtEntry(entry, anna, crypto);
  const bytes = await sign(own);
  const twice = await addSignatures(
    dhtEntryDocument,
    decodeDocument(dhtEntryDocument, bytes, crypto),
    [bert],
    crypto,
  );
  const flipped = new Uint8Array(bytes);
  flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
  const value = { kind: 'signed', bytes } as const;
  const call = (method: keyof typeof kadBodies, side: 'input' | 'output', body: Body | object) => ({
    method,
    side,
    body: toNotation(body),
    hex: toHex(encodeCbor(body)),
  });
  const contact = { peerId: peerIdFromPublicKey(bert.publicKey), addresses };
  return {
    systemId,
    nodeIds: [anna, bert].map(({ publicKey }) => {
      const peerId = peerIdFromPublicKey(publicKey);
      return { peerId, id: toHex(nodeIdOf(peerId, crypto)) };
    }),
    contentKeys: ['', 'content'].map((text) => ({
      content: toHex(utf8(text)),
      key: toHex(contentKeyOf(utf8(text), crypto)),
    })),
    entries: await Promise.all(
      [own, shared].map(async (entry) => ({
        body: toNotation(entry),
        hex: toHex(await sign(entry)),
        key: toHex(dhtKeyOf(entry, crypto)),
      })),
    ),
    refused: [
      {
        why: 'another signed it',
        hex: toHex((await signDocument(dhtEntryDocument, own, [bert], crypto)).bytes),
      },
      { why: 'two signed it', hex: toHex(twice.bytes) },
      { why: 'the signature is wrong', hex: toHex(flipped) },
      { why: 'another system', hex: toHex(await sign({ ...own, systemId: `sys1${'b'.repeat(51)}q` })) },
      { why: 'bytes after it', hex: `${toHex(bytes)}00` },
    ],
    calls: [
      call('ping', 'input', { addresses }),
      call('ping', 'output', {}),
      call('findNode', 'input', { addresses: [], target }),
      call('findNode', 'output', { closer: [contact] }),
      call('findValue', 'input', { addresses, key: target }),
      call('findValue', 'output', { closer: [], values: [value] }),
      call('store', 'input', { addresses, value: { kind: 'content', bytes: utf8('content') } }),
      call('store', 'output', {}),
    ],
  };
}
