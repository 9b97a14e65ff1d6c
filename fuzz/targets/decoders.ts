/** Everything else that is read from a peer's bytes before anybody vouched for them. */
import {
  adminProofDocument,
  type DocumentKind,
  decodeCanonical,
  decodeCbor,
  dhtEntryDocument,
  encodeCbor,
  genesisDocument,
  invitationDocument,
  isP2posError,
  keyRotationDocument,
  keyStatementDocument,
  openEnvelope,
  readDocument,
  releaseManifestDocument,
  revocationDocument,
  type SealedDocument,
  snapshotDocument,
  systemIdSchema,
} from '@p2pos/protocol';
import { readFields } from '@p2pos/protocol/membership';
import { z } from 'zod';
import {
  CertificateFault,
  createCertificate,
  verifyCertificate,
} from '../../packages/node/src/core/net/tls/certificate.ts';
import {
  decodeHeader as decodeYamuxHeader,
  YamuxFault,
} from '../../packages/node/src/core/net/yamux/frame.ts';
import { heartbeatDocument } from '../../packages/node/src/core/presence/heartbeat.ts';
import { decodeHeader } from '../../packages/node/src/core/records/format/record.ts';
import { createSealVerifier } from '../../packages/node/src/core/records/format/seal.ts';
import { instantCrypto } from '../../packages/node/src/testing/instant-crypto.ts';
import { createTestSystem } from '../../packages/node/src/testing/test-system.ts';
import { decodeError } from '../../packages/protocol/src/rpc/wire/error.ts';
import { FrameReader, ProtocolFault } from '../../packages/protocol/src/rpc/wire/frame.ts';
import type { Target } from '../engine.ts';
import { honestTraffic } from '../traffic.ts';

const typed = (error: unknown) => isP2posError(error);

const cbor: Target = {
  name: 'cbor',
  seeds: async () => (await honestTraffic()).bodies,
  run(input) {
    const value = decodeCbor(input, { maxBytes: 1_048_576 });
    // What was read can be written, and reads the same.
    const again = encodeCbor(value);
    if (!Buffer.from(again).equals(Buffer.from(encodeCbor(decodeCbor(again, { maxBytes: 1_048_576 })))))
      throw new Error('a value that was read is not written the same twice');
  },
  expects: typed,
};

const canonical: Target = {
  name: 'canonical-cbor',
  seeds: async () => (await honestTraffic()).bodies,
  run(input) {
    const value = decodeCanonical(input, { maxBytes: 1_048_576, kind: 'fuzzed' });
    if (!Buffer.from(encodeCbor(value)).equals(Buffer.from(input)))
      throw new Error('bytes that are not the one encoding were taken');
  },
  expects: typed,
};

const KINDS = [
  genesisDocument,
  keyRotationDocument,
  adminProofDocument,
  revocationDocument,
  snapshotDocument,
  dhtEntryDocument,
  invitationDocument,
  keyStatementDocument,
  releaseManifestDocument,
  heartbeatDocument,
] as unknown as readonly DocumentKind<unknown>[];

const ofSystem = z.object({ systemId: systemIdSchema });

function systemAlone(kind: DocumentKind<unknown>, sealed: SealedDocument): string | undefined {
  try {
    return readFields(kind, ofSystem, sealed).systemId;
  } catch (error) {
    if (typed(error)) return undefined;
    throw error;
  }
}

/** The first byte names the kind. */
const documents: Target = {
  name: 'documents',
  async seeds() {
    const system = await createTestSystem({ nodes: 3 });
    const first = await system.first();
    const second = await system.snapshot({ after: first, members: first.body.members.slice(1) });
    const bytes = [system.genesis.bytes, first.bytes, second.bytes];
    return bytes.flatMap((one) => KINDS.map((_, index) => Uint8Array.of(index, ...one)));
  },
  run(input) {
    const kind = KINDS[(input[0] ?? 0) % KINDS.length];
    if (!kind) return;
    const sealed = openEnvelope(kind, input.subarray(1), instantCrypto);
    // Some fields are looked at before the whole is read.
    const alone = systemAlone(kind, sealed);
    const { systemId } = readDocument(kind, sealed).body as { readonly systemId?: string };
    if (systemId !== alone) throw new Error('a field that was read alone differs');
  },
  expects: typed,
};

/** The first byte says into how many pieces the rest is cut. */
const frames: Target = {
  name: 'rpc-frames',
  seeds: async () => (await honestTraffic()).chunks.map((chunk) => Uint8Array.of(3, ...chunk)),
  run(input) {
    const reader = new FrameReader({
      onFrame: () => {},
      onLongFrame: (_frame, bytes) => new Uint8Array(bytes),
      onFilled: () => {},
    });
    const step = Math.max(1, Math.ceil(input.length / ((input[0] ?? 0) + 1)));
    for (let at = 1; at < input.length; at += step) reader.push(input.subarray(at, at + step));
  },
  expects: (error) => error instanceof ProtocolFault,
};

const errors: Target = {
  name: 'rpc-errors',
  seeds: () => [
    encodeCbor(['TIMEOUT', { what: 'it', timeoutMs: 5 }]),
    encodeCbor({ code: 'TIMEOUT', details: {} }),
  ],
  run: (input) => decodeError(input),
  expects: typed,
};

const yamux: Target = {
  name: 'yamux-header',
  seeds: () => [new Uint8Array(12), Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9)],
  run(input) {
    if (input.length >= 12) decodeYamuxHeader(input, 0);
  },
  expects: (error) => error instanceof YamuxFault,
};

const headers: Target = {
  name: 'record-header',
  seeds: recordSeeds,
  run: (input) => decodeHeader(input),
  expects: typed,
};

/** Header and proof of a record, as relayed by anybody: `[header, proof]`. */
const seals: Target = {
  name: 'record-seal',
  seeds: async () => {
    const headers = await recordSeeds();
    return headers.map((header) =>
      encodeCbor([header, encodeCbor([new Uint8Array(64), 2, 1, new Uint8Array(32)])]),
    );
  },
  async run(input) {
    const pair = decodeCbor(input, { maxBytes: 16_384 });
    if (!Array.isArray(pair) || !(pair[0] instanceof Uint8Array) || !(pair[1] instanceof Uint8Array)) return;
    const verifier = createSealVerifier({ crypto: instantCrypto, systemId: 'sys1' });
    const valid = await verifier.verify({ header: pair[0], proof: pair[1] }, AUTHOR);
    if (valid) throw new Error('a record nobody signed was taken');
  },
  expects: typed,
};

const AUTHOR = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';

async function recordSeeds(): Promise<Uint8Array[]> {
  const { bodies } = await honestTraffic();
  const found: Uint8Array[] = [];
  const search = (value: unknown): void => {
    if (value instanceof Uint8Array) {
      if (value.length > 40) found.push(value);
    } else if (Array.isArray(value)) value.forEach(search);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(search);
  };
  for (const body of bodies) {
    try {
      search(decodeCbor(body, { maxBytes: 1_048_576 }));
    } catch {
      // Part of a longer body.
    }
  }
  return found.slice(0, 64);
}

const certificates: Target = {
  name: 'tls-certificate',
  async seeds() {
    const { generateKeyPair } = await import('@libp2p/crypto/keys');
    const { cert } = await createCertificate(await generateKeyPair('Ed25519'));
    return [new Uint8Array(Buffer.from(cert.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64'))];
  },
  run: (input) => verifyCertificate(input, Date.now()),
  expects: (error) => error instanceof CertificateFault,
};

export const decoderTargets: readonly Target[] = [
  cbor,
  canonical,
  documents,
  frames,
  errors,
  yamux,
  headers,
  seals,
  certificates,
];
