/** Vectors of the signed documents: one sound document of each kind, and what must be refused. */
import { concatBytes } from '../../encoding/bytes.ts';
import {
  adminProofDocument,
  COUNTERSIGNATURE_PURPOSE,
  countersign,
  type DocumentKind,
  encodeCbor,
  genesisDocument,
  invitationDocument,
  keyRotationDocument,
  peerIdFromPublicKey,
  revocationDocument,
  type SignedDocument,
  type Signer,
  signDocument,
  signingInput,
  snapshotDocument,
  toHex,
} from '../../index.ts';
import { testCrypto } from '../keys.ts';
import * as sample from '../samples.ts';
import { toNotation } from './notation.ts';

const { keys } = sample;
const root = [keys.root1, keys.root2] as const;
const sound = [
  await describe(genesisDocument, sample.genesis, root),
  await describe(keyRotationDocument, sample.keyRotation, [...root, keys.root3]),
  await describe(adminProofDocument, sample.adminProof, [keys.root1, keys.root3]),
  await describe(revocationDocument, sample.revocation, root),
  await describe(snapshotDocument, sample.snapshot, [keys.admin]),
  await describe(invitationDocument, sample.invitation, [keys.nodeA]),
] as const;
const [genesis, , proof, , snapshot] = sound;
const { body, signatures } = { body: genesis.document.bodyBytes, signatures: genesis.document.signatures };
const [one, two] = signatures as [(typeof signatures)[number], (typeof signatures)[number]];
const hash = snapshot.document.hash;
const word = await countersign(hash, keys.nodeA);

export const documentVectors = {
  keys: Object.entries(keys).map(([name, { seed, publicKey }]) => ({
    name,
    seed: toHex(seed),
    publicKey: toHex(publicKey),
    peerId: peerIdFromPublicKey(publicKey),
  })),
  systemId: sample.systemId,
  documents: sound.map(({ kind, document }) => ({
    kind: kind.name,
    purpose: kind.purpose,
    body: toNotation(document.body),
    bodyHex: toHex(document.bodyBytes),
    hash: toHex(document.hash),
    signingInput: toHex(signingInput(kind.purpose, document.bodyBytes)),
    signedBy: document.signatures.map(({ key }) => toHex(key)),
    hex: toHex(document.bytes),
  })),
  /** Refused before any signature is verified. */
  refused: [
    refusal(genesis, 'a byte after the envelope', concatBytes(genesis.document.bytes, Uint8Array.of(0))),
    refusal(genesis, 'an early end', genesis.document.bytes.slice(0, -1)),
    refusal(genesis, 'the map with its keys in another order', swapped(genesis.document)),
    refusal(genesis, 'a key of the envelope twice', twiceBody(genesis.document)),
    refusal(
      genesis,
      'the count of the map in a longer form',
      concatBytes(Uint8Array.of(0xb8, 2), genesis.document.bytes.slice(1)),
    ),
    refusal(genesis, 'signatures in descending order', encodeCbor({ body, signatures: [two, one] })),
    refusal(genesis, 'one key signing twice', encodeCbor({ body, signatures: [one, one] })),
    refusal(genesis, 'no signature', encodeCbor({ body, signatures: [] })),
    refusal(genesis, 'a field more in the envelope', encodeCbor({ body, signatures, note: '' })),
    refusal(genesis, 'a body in another encoding', encodeCbor({ body: longVersion(body), signatures })),
    refusal(genesis, 'a key of the body twice', encodeCbor({ body: versionTwice(body), signatures })),
    changed(genesis, 'a later version', { version: 2 }),
    changed(genesis, 'an unknown field', { motto: 'x' }),
    changed(genesis, 'an open system', { admission: 'open' }, 'ADMISSION_UNSUPPORTED'),
    changed(genesis, 'a threshold of half', { systemKeys: sample.genesis.systemKeys.slice(1), threshold: 1 }),
    changed(genesis, 'slots that are no power of two', { slots: 1_000 }),
    changed(proof, 'a validity that ends before it begins', { validTo: sample.adminProof.validFrom }),
    changed(proof, 'a validity of years', { validTo: '2036-11-21T01:02:03.000000000Z' }),
    changed(snapshot, 'members in descending order', { members: sample.members.toReversed() }),
    changed(snapshot, 'one member twice', {
      members: [sample.members[0], { ...sample.members[0], name: 'twin' }],
    }),
    changed(snapshot, 'members joined by commas', {
      members: sample.members.map(({ peerId }) => peerId).join(),
    }),
    changed(snapshot, 'a proof that is text', { adminProof: 'x' }),
  ],
  /** Read, but signed by none of `signedBy` of its neighbour in `documents`; `verified` are those that remain. */
  unverified: [
    unverified(
      genesis,
      'one byte of the body changed',
      flip(genesis.document.bytes, 'Sample system', 'Sample systen'),
    ),
    unverified(genesis, 'one bit of the first signature flipped', tampered(genesis.document), [two.key]),
    unverified(
      genesis,
      'the first key put under the other signature',
      encodeCbor({ body, signatures: [{ ...one, signature: two.signature }, two] }),
      [two.key],
    ),
    unverified(genesis, 'signed for another purpose', await signedFor(genesis, 'p2pos/revocation/1', root)),
    unverified(genesis, 'signed without a purpose', await signedFor(genesis, undefined, root)),
    unverified(
      genesis,
      'signed by a stranger',
      await signedFor(genesis, genesisDocument.purpose, [keys.stranger]),
      [keys.stranger.publicKey],
    ),
    unverified(genesis, 'a hash in the place of the signature', hashed(genesis)),
    unverified(
      snapshot,
      'one member less under the same signature',
      encodeCbor({
        body: encodeCbor({ ...sample.snapshot, members: sample.members.slice(1) }),
        signatures: snapshot.document.signatures,
      }),
    ),
  ],
  countersignatures: {
    purpose: COUNTERSIGNATURE_PURPOSE,
    snapshotHash: toHex(hash),
    signingInput: toHex(signingInput(COUNTERSIGNATURE_PURPOSE, hash)),
    valid: [{ peerId: word.peerId, signature: toHex(word.signature) }],
    invalid: [
      { peerId: sample.peerIds.nodeB, signature: toHex(word.signature), why: 'another peer' },
      { peerId: word.peerId, signature: toHex(await keys.nodeA.sign(hash)), why: 'no purpose' },
      { peerId: word.peerId, signature: toHex(new Uint8Array(64)), why: 'zeros' },
    ],
  },
};

interface Sound {
  readonly kind: { readonly name: string; readonly purpose: string };
  readonly document: SignedDocument<object>;
}

async function describe<T extends object>(kind: DocumentKind<T>, value: T, signers: readonly Signer[]) {
  return { kind, document: await signDocument(kind, value, signers, testCrypto) } satisfies Sound;
}

function refusal({ kind }: Sound, why: string, bytes: Uint8Array, code = 'DOCUMENT_MALFORMED') {
  return { kind: kind.name, why, code, hex: toHex(bytes) };
}

function changed({ kind, document }: Sound, why: string, change: object, code?: string) {
  const other = encodeCbor({ ...document.body, ...change });
  return refusal({ kind, document }, why, encodeCbor({ body: other, signatures: document.signatures }), code);
}

function unverified({ kind }: Sound, why: string, bytes: Uint8Array, verified: readonly Uint8Array[] = []) {
  return { kind: kind.name, why, verified: verified.map(toHex), hex: toHex(bytes) };
}

/** `signatures` before `body`, though `body` is the shorter key. */
function swapped({ bodyBytes, signatures }: SignedDocument<object>): Uint8Array {
  const pair = (key: string, value: unknown) => concatBytes(encodeCbor(key), encodeCbor(value));
  return concatBytes(Uint8Array.of(0xa2), pair('signatures', signatures), pair('body', bodyBytes));
}

function twiceBody({ bytes, bodyBytes }: SignedDocument<object>): Uint8Array {
  const pair = concatBytes(encodeCbor('body'), encodeCbor(bodyBytes));
  return concatBytes(Uint8Array.of(0xa3), pair, bytes.slice(1));
}

/** The integer 1 of `version` in two bytes. */
function longVersion(bytes: Uint8Array): Uint8Array {
  const at = find(bytes, encodeCbor('version')) + 8;
  return concatBytes(bytes.slice(0, at), Uint8Array.of(0x18, 1), bytes.slice(at + 1));
}

function versionTwice(bytes: Uint8Array): Uint8Array {
  const at = find(bytes, encodeCbor('version'));
  const pair = bytes.slice(at, at + 9);
  return concatBytes(Uint8Array.of(bytes[0]! + 1), bytes.slice(1, at), pair, bytes.slice(at));
}

function flip(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const at = find(bytes, encodeCbor(from));
  return concatBytes(bytes.slice(0, at), encodeCbor(to), bytes.slice(at + encodeCbor(from).length));
}

function tampered({ bodyBytes, signatures: [first, ...others] }: SignedDocument<object>): Uint8Array {
  const signature = first!.signature.slice();
  signature[10]! ^= 1;
  return encodeCbor({ body: bodyBytes, signatures: [{ ...first, signature }, ...others] });
}

async function signedFor({ document }: Sound, purpose: string | undefined, signers: readonly Signer[]) {
  const input = purpose ? signingInput(purpose, document.bodyBytes) : document.bodyBytes;
  const made = await Promise.all(
    signers.map(async (signer) => ({ key: signer.publicKey, signature: await signer.sign(input) })),
  );
  const signatures = made.toSorted((a, b) => (toHex(a.key) < toHex(b.key) ? -1 : 1));
  return encodeCbor({ body: document.bodyBytes, signatures });
}

function hashed({ kind, document }: Sound): Uint8Array {
  const digest = testCrypto.sha256(signingInput(kind.purpose, document.bodyBytes));
  const key = document.signatures[0]!.key;
  return encodeCbor({
    body: document.bodyBytes,
    signatures: [{ key, signature: concatBytes(digest, digest) }],
  });
}

function find(bytes: Uint8Array, part: Uint8Array): number {
  const at = toHex(bytes).indexOf(toHex(part)) / 2;
  if (!Number.isInteger(at) || at < 0) throw new Error('the sample lacks what the vector changes');
  return at;
}
