/**
 * What lies inside records, documents, messages and files that others made: read after somebody vouched for the bytes, or
 * handed over by a person, and believed no more for that.
 */
import {
  createRequest,
  DeliveryReceipt,
  decodeTxtAnswer,
  encodeCbor,
  encodeTxtQuestion,
  formatInvitation,
  formatTimestamp,
  isP2posError,
  readDnsaddr,
  readInvitation,
  requestFromText,
  requestToText,
  SignedReceipt,
  shareFromText,
  shareToText,
  signDhtEntry,
  signRequest,
  verifyDelivery,
  verifyDhtEntry,
  verifyReceipt,
} from '@p2pos/protocol';
import {
  accept,
  createIdentity,
  createPreKeys,
  createReceiver,
  createSender,
  decrypt,
  decryptFromRoom,
  encrypt,
  encryptToRoom,
  initiate,
  senderKeyOf,
  startReceiving,
  startSending,
} from '@p2pos/protocol/e2ee';
import { createLeases } from '../../packages/node/src/core/records/cas/leases.ts';
import { codecOf } from '../../packages/node/src/gateway/socket/codec.ts';
import { decodeDocument, encodeDocument } from '../../packages/node/src/services/apps/document.ts';
import { decodeCursor, encodeCursor } from '../../packages/node/src/services/kv/cursor.ts';
import {
  decodeEntry,
  decodeHead,
  encodeEntry,
  encodeGone,
  encodeHead,
  START,
} from '../../packages/node/src/services/pubsub/topics/format.ts';
import { createPositionStore } from '../../packages/node/src/services/pubsub/topics/groups/position.ts';
import { openRollout } from '../../packages/node/src/services/update/rollout.ts';
import { instantCrypto } from '../../packages/node/src/testing/instant-crypto.ts';
import { createManualClock } from '../../packages/node/src/testing/manual-clock.ts';
import { createTestSystem } from '../../packages/node/src/testing/test-system.ts';
import { readFrames } from '../../packages/sdk/src/socket/frames.ts';
import type { Target } from '../engine.ts';
import { holding } from './holding.ts';

const typed = (error: unknown) => isP2posError(error);
const utf8 = new TextEncoder();
const textOf = (input: Uint8Array) => new TextDecoder().decode(input);
const AUTHOR = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';
const SYSTEM = createTestSystem({ nodes: 3 });

const invitations: Target = {
  name: 'invitation',
  async seeds() {
    const system = await SYSTEM;
    const { peerId, signer } = system.nodes[0] as (typeof system.nodes)[0];
    const { hash } = await system.first();
    const body = {
      version: 1,
      systemId: system.systemId,
      epoch: 1,
      snapshot: hash,
      issuerPeerId: peerId,
      addresses: [`/ip4/192.0.2.1/tcp/4001/p2p/${peerId}`],
    } as const;
    return [utf8.encode(await formatInvitation(body, signer, system.crypto))];
  },
  run: (input) => readInvitation(textOf(input), instantCrypto),
  expects: typed,
};

const dhtEntries: Target = {
  name: 'dht-entry',
  async seeds() {
    const system = await SYSTEM;
    const { peerId, signer } = system.nodes[0] as (typeof system.nodes)[0];
    const entry = {
      systemId: system.systemId,
      author: peerId,
      topic: 'mirrors',
      seq: 1,
      issuedAt: formatTimestamp(Date.UTC(2026, 0, 1)),
      expiresAt: formatTimestamp(Date.UTC(2026, 0, 1, 1)),
      value: Uint8Array.of(1, 2, 3),
    };
    return Promise.all([
      signDhtEntry({ ...entry, kind: 'own', entry: '' }, signer, system.crypto),
      signDhtEntry({ ...entry, kind: 'shared', entry: 'a' }, signer, system.crypto),
    ]);
  },
  run: async (input) => verifyDhtEntry(input, (await SYSTEM).systemId, instantCrypto),
  expects: typed,
};

/** The first byte names the subprotocol. */
const socketFrames: Target = {
  name: 'socket-frames',
  seeds: () => {
    const frames = [
      { op: 'auth', token: 'secret', app: 'default' },
      { op: 'call', id: 1, method: 'kv.put', input: { key: 'a', body: Uint8Array.of(1) } },
      { op: 'subscribe', id: 'x', kind: 'kv', prefix: '', listing: true },
      { op: 'unsubscribe', id: 'x' },
    ];
    const json = frames.map((frame) => Uint8Array.of(0, ...utf8.encode(JSON.stringify(frame))));
    return [...json, Uint8Array.of(1, ...encodeCbor(frames)), Uint8Array.of(1, ...encodeCbor([frames[1]]))];
  },
  run(input) {
    const binary = (input[0] ?? 0) % 2 === 1;
    codecOf(binary ? 'p2pos.cbor' : 'p2pos.json').decode(Buffer.from(input.subarray(1)), binary);
  },
  expects: typed,
};

const clientFrames: Target = {
  name: 'sdk-frames',
  seeds: () => [
    encodeCbor([{ id: 1, type: 'result', output: { key: 'a', value: Uint8Array.of(1) } }]),
    encodeCbor([
      { id: 1, type: 'error', code: 'TIMEOUT', message: 'it', details: { what: 'it' } },
      { id: 2, type: 'end' },
    ]),
  ],
  run(input) {
    for (const frame of readFrames(input) ?? []) if (frame.type === 'error') void frame.id;
  },
  expects: () => false,
};

/** The first byte names what it is of. */
const topicLog: Target = {
  name: 'topic-log',
  seeds: () => {
    const message = { publisher: AUTHOR, at: 1_000, id: new Uint8Array(16) };
    const entry = { token: 1, sequence: 1, bytes: 0 };
    const chunked = { id: new Uint8Array(16), bytes: 100_000, hash: new Uint8Array(32) };
    const retention = { ageMs: 1_000, messages: 10, bytes: 1_000 };
    const head = { retention, holder: AUTHOR, token: 1, hint: START, first: START, at: 5, open: true };
    const entries = [
      encodeEntry({ ...entry, messages: [{ ...message, data: Uint8Array.of(1, 2) }] }),
      encodeEntry({ ...entry, messages: [{ ...message, data: chunked }] }),
      encodeGone({ after: { sequence: 5, bytes: 10 } }),
    ].map((bytes) => Uint8Array.of(0, ...bytes));
    return [
      ...entries,
      Uint8Array.of(1, ...encodeHead(head)),
      Uint8Array.of(2, ...encodeCbor([1, 5, AUTHOR, 3])),
    ];
  },
  async run(input) {
    const value = input.slice(1);
    const kind = (input[0] ?? 0) % 3;
    if (kind === 0) decodeEntry(value);
    else if (kind === 1) decodeHead(value);
    else
      await createPositionStore(
        { registers: holding(value) },
        { app: 'default', topic: 't', group: 'g' },
      ).read();
  },
  expects: typed,
};

/** The first byte names what it is of: an app, a lease, an update, a place in a list. */
const registerContents: Target = {
  name: 'register-contents',
  seeds: () => {
    const app = {
      app: 'shop',
      state: 'active',
      createdAt: 1,
      quotas: {},
      tokens: [
        { id: '0011223344556677', hash: new Uint8Array(32), label: 'ci', grants: ['kv:read'], createdAt: 1 },
      ],
    };
    return [
      Uint8Array.of(0, ...encodeDocument(app as never)),
      Uint8Array.of(1, ...encodeCbor([1, 7, AUTHOR, 5_000])),
      Uint8Array.of(2, ...encodeCbor([1, new Uint8Array(40), 'rolling', null, new Uint8Array(40)])),
      Uint8Array.of(3, ...utf8.encode(encodeCursor(utf8.encode('a key')))),
    ];
  },
  async run(input) {
    const value = input.slice(1);
    const registers = holding(value);
    const kind = (input[0] ?? 0) % 4;
    const key = utf8.encode('a');
    if (kind === 0) decodeDocument(value);
    else if (kind === 1) {
      const clock = createManualClock();
      const leases = createLeases({ registers, clock, trustedNow: async () => clock.now() }, { skewMs: 0 });
      const name = { namespace: 'default/kv-locks', partition: key, key };
      await leases.take({ ...name, holder: 'me', ttlMs: 10_000 });
    } else if (kind === 2) await openRollout({ records: { declare() {}, registers } }, 3).read();
    else decodeCursor(textOf(value), key);
  },
  expects: typed,
};

const dns: Target = {
  name: 'dns',
  seeds: () => {
    const question = encodeTxtQuestion('_dnsaddr.example.org').slice();
    question.set([0x81, 0x80], 2);
    question[7] = 1;
    const text = utf8.encode(`dnsaddr=/ip4/192.0.2.1/tcp/4001/p2p/${AUTHOR}`);
    const record = [0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, text.length + 1, text.length, ...text];
    return [Uint8Array.of(...question, ...record), utf8.encode('/dnsaddr/example.org')];
  },
  run: (input) => readDnsaddr([...decodeTxtAnswer(input, 'example.org'), textOf(input)]),
  expects: typed,
};

const SESSION = (async () => {
  const [alice, bob] = [await createIdentity(), await createIdentity()];
  const { secrets, bundle } = await createPreKeys(bob, { oneTime: 0 });
  const { opening, ...agreed } = await initiate(alice, bundle);
  const sent = await encrypt(await startSending(agreed, secrets.signed.publicKey), utf8.encode('hello'));
  const again = await encrypt(sent.state, utf8.encode('again'));
  const receiving = startReceiving(await accept(bob, secrets, opening), secrets.signed);
  const sender = await createSender('room');
  const receiver = createReceiver(senderKeyOf(sender));
  const one = await encryptToRoom(sender, utf8.encode('hello'));
  const two = await encryptToRoom(one.state, utf8.encode('again'));
  return { bob, secrets, receiving, receiver, direct: [sent, again], room: [one, two] };
})();

/** The first byte names whether it is to one or to a room. */
const sealedMessages: Target = {
  name: 'e2ee-messages',
  async seeds() {
    const { direct, room } = await SESSION;
    return [
      ...direct.map(({ message }) => Uint8Array.of(0, ...message)),
      ...room.map(({ message }) => Uint8Array.of(1, ...message)),
    ];
  },
  async run(input) {
    const { receiving, receiver } = await SESSION;
    const message = input.slice(1);
    await ((input[0] ?? 0) % 2 === 0 ? decrypt(receiving, message) : decryptFromRoom(receiver, message));
  },
  expects: typed,
};

/** JSON as it lies in files; the first byte names the kind. */
const receipts: Target = {
  name: 'receipts',
  seeds: () => {
    const blob = (bytes: number) => ({ $blob: Buffer.alloc(bytes, 1).toString('base64') });
    const header = Buffer.from(
      encodeCbor({
        app: 'a',
        topic: 't',
        publisher: AUTHOR,
        incarnation: 1,
        seq: 1,
        at: 1,
        hash: new Uint8Array(32),
        bytes: 1,
      }),
    );
    const statement = { peerId: AUTHOR, at: 1, size: 1, index: 0, path: blob(0), signature: blob(64) };
    const delivered = { peerId: AUTHOR, at: 1, clients: 1, signature: blob(64) };
    const stored = { systemId: 's', epoch: 1, header: blob(60), statements: [statement] };
    const delivery = {
      systemId: 's',
      delivery: { $blob: header.toString('base64') },
      statements: [delivered],
    };
    const register = { ...stored, state: blob(40) };
    return [stored, delivery, register].map((one, i) =>
      Uint8Array.of(i, ...utf8.encode(JSON.stringify(one))),
    );
  },
  async run(input) {
    let value: unknown;
    try {
      value = JSON.parse(textOf(input.subarray(1)));
    } catch {
      return;
    }
    const claim = {
      systemId: 's',
      members: [{ peerId: AUTHOR, capabilities: ['storage'] as const }],
      epoch: 1,
    };
    if ((input[0] ?? 0) % 2 === 0) {
      const receipt = SignedReceipt.safeParse(value);
      if (receipt.success) await verifyReceipt(receipt.data, claim as never, instantCrypto);
    } else {
      const receipt = DeliveryReceipt.safeParse(value);
      if (receipt.success) await verifyDelivery(receipt.data, claim, instantCrypto);
    }
  },
  expects: typed,
};

/** Files that key holders pass around; the first byte names the kind. */
const ceremonies: Target = {
  name: 'ceremony-files',
  async seeds() {
    const system = await SYSTEM;
    const body = system.genesis.body;
    const request = await createRequest('genesis', body, [], system.crypto);
    const [signer] = system.systemSigners;
    const files = [requestToText(request, instantCrypto)];
    if (signer) files.push(shareToText(await signRequest(request, signer), instantCrypto));
    return files.map((text, i) => Uint8Array.of(i, ...utf8.encode(text)));
  },
  async run(input) {
    const text = textOf(input.subarray(1));
    if ((input[0] ?? 0) % 2 === 0) await requestFromText(text, instantCrypto);
    else shareFromText(text, instantCrypto);
  },
  expects: typed,
};

export const contentTargets: readonly Target[] = [
  invitations,
  dhtEntries,
  socketFrames,
  clientFrames,
  topicLog,
  registerContents,
  dns,
  sealedMessages,
  receipts,
  ceremonies,
];
