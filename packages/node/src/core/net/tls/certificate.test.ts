import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { generateKeyPair, generateKeyPairFromSeed, publicKeyToProtobuf } from '@libp2p/crypto/keys';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import fc from 'fast-check';
import {
  BIT_STRING,
  der,
  derItems,
  explicit,
  GENERALIZED_TIME,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
} from '../../der/index.ts';
import { createTestIdentity } from '../test-host.ts';
import { createCertificate, verifyCertificate } from './certificate.ts';

const NOW = Date.UTC(2026, 5, 1);

async function certificateOf(identity = createTestIdentity()) {
  const nodeKey = await generateKeyPairFromSeed('Ed25519', identity.seed);
  const { cert, key } = await createCertificate(nodeKey);
  return { ...identity, raw: new Uint8Array(new X509Certificate(cert).raw), key };
}

/** The same certificate with its parts changed, signed again by its own key. */
function changed(raw: Uint8Array, key: string, change: (parts: Uint8Array[]) => void): Uint8Array {
  const [whole] = derItems(raw);
  const [body, algorithm] = derItems(whole?.content ?? raw);
  const parts = derItems(body?.content ?? raw).map(({ tag, content }) => der(tag, content));
  change(parts);
  const signed = der(SEQUENCE, ...parts);
  const seal = sign('sha256', signed, createPrivateKey(key));
  return der(
    SEQUENCE,
    signed,
    der(SEQUENCE, algorithm?.content ?? raw),
    der(BIT_STRING, Uint8Array.of(0), seal),
  );
}
const VALIDITY = 4;
const KEY = 6;
const EXTENSIONS = 7;
const time = (text: string) => der(GENERALIZED_TIME, Buffer.from(text));
const extension = (id: string, critical: boolean, value: Uint8Array) =>
  der(
    SEQUENCE,
    der(OBJECT_IDENTIFIER, Buffer.from(id, 'hex')),
    ...(critical ? [Uint8Array.of(1, 1, 0xff)] : []),
    der(OCTET_STRING, value),
  );
const extensions = (...list: readonly Uint8Array[]) => der(explicit(3), der(SEQUENCE, ...list));
const LIBP2P = '2b0601040183a25a0101';

test('a certificate names its peer, whatever the clock says', async () => {
  const { peerId, raw } = await certificateOf();
  assert.equal(await verifyCertificate(raw, NOW), peerId);
  assert.equal(await verifyCertificate(raw, Date.UTC(2001, 0, 1)), peerId);
  assert.equal(await verifyCertificate(raw, Date.UTC(2200, 0, 1)), peerId);
});

test('peers with keys of other kinds are known by theirs', async () => {
  const nodeKey = await generateKeyPair('secp256k1');
  const { cert } = await createCertificate(nodeKey);
  const raw = new Uint8Array(new X509Certificate(cert).raw);
  assert.equal(await verifyCertificate(raw, NOW), peerIdFromPublicKey(nodeKey.publicKey).toString());
});

test('the parts of a certificate can be changed and signed again; then it is judged anew', async () => {
  const { peerId, raw, key } = await certificateOf();
  assert.equal(
    await verifyCertificate(
      changed(raw, key, () => {}),
      NOW,
    ),
    peerId,
  );
});

const refusals: readonly {
  readonly name: string;
  readonly reason: RegExp;
  readonly of: (mine: {
    raw: Uint8Array;
    key: string;
  }) => Promise<Uint8Array | undefined> | Uint8Array | undefined;
}[] = [
  { name: 'none', reason: /none/, of: () => undefined },
  { name: 'one that is too long', reason: /too long/, of: () => new Uint8Array(10_000) },
  {
    name: 'one that is not valid yet',
    reason: /not valid yet/,
    of: ({ raw, key }) =>
      changed(raw, key, (parts) => {
        parts[VALIDITY] = der(SEQUENCE, time('20300101000000Z'), time('99991231235959Z'));
      }),
  },
  {
    name: 'one that has expired',
    reason: /expired/,
    of: ({ raw, key }) =>
      changed(raw, key, (parts) => {
        parts[VALIDITY] = der(SEQUENCE, time('20000101000000Z'), time('20010101000000Z'));
      }),
  },
  {
    name: 'one signed by another key',
    reason: /not signed by its own key/,
    of: ({ raw }) => {
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
      return changed(raw, other.export({ format: 'pem', type: 'pkcs8' }).toString(), () => {});
    },
  },
  {
    name: 'one whose key another peer vouched for',
    reason: /does not vouch/,
    of: ({ raw }) => {
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
      const spki = createPublicKey(other).export({ format: 'der', type: 'spki' });
      return changed(raw, other.export({ format: 'pem', type: 'pkcs8' }).toString(), (parts) => {
        parts[KEY] = new Uint8Array(spki);
      });
    },
  },
  {
    name: 'one that claims the key of another peer',
    reason: /does not vouch/,
    of: async ({ raw, key }) => {
      const victim = await generateKeyPairFromSeed('Ed25519', createTestIdentity().seed);
      const claim = der(
        SEQUENCE,
        der(OCTET_STRING, publicKeyToProtobuf(victim.publicKey)),
        der(OCTET_STRING, new Uint8Array(64)),
      );
      return changed(raw, key, (parts) => {
        parts[EXTENSIONS] = extensions(extension(LIBP2P, true, claim));
      });
    },
  },
  {
    name: 'one without extensions',
    reason: /no extensions/,
    of: ({ raw, key }) =>
      changed(raw, key, (parts) => {
        parts.length = EXTENSIONS;
      }),
  },
  {
    name: 'one without the extension of libp2p',
    reason: /lacks/,
    of: ({ raw, key }) =>
      changed(raw, key, (parts) => {
        parts[EXTENSIONS] = extensions(extension('551d0f', false, Uint8Array.of(3, 2, 5, 160)));
      }),
  },
  {
    name: 'one with an unknown critical extension',
    reason: /critical/,
    of: ({ raw, key }) =>
      changed(raw, key, (parts) => {
        parts[EXTENSIONS] = extensions(extension('2a0304', true, Uint8Array.of(5, 0)));
      }),
  },
  {
    name: 'one with a malformed extension',
    reason: /malformed/,
    of: ({ raw, key }) =>
      changed(raw, key, (parts) => {
        parts[EXTENSIONS] = extensions(extension(LIBP2P, true, Uint8Array.of(0x30, 0x10, 4)));
      }),
  },
  { name: 'bytes that are none', reason: /malformed/, of: () => Uint8Array.of(1, 2, 3) },
];
for (const { name, reason, of } of refusals) {
  test(`refused: ${name}`, async () => {
    const mine = await certificateOf();
    await assert.rejects(async () => verifyCertificate(await of(mine), NOW), reason);
  });
}

test('no flipped bit passes for another peer, and none throws anything untyped', async () => {
  const { peerId, raw } = await certificateOf();
  await fc.assert(
    fc.asyncProperty(fc.nat(raw.length - 1), fc.nat(7), async (index, bit) => {
      const bent = raw.slice();
      bent[index] = (bent[index] as number) ^ (1 << bit);
      const seen = await verifyCertificate(bent, NOW).catch((error: Error) => error.constructor.name);
      assert.ok(seen === 'CertificateFault' || seen === peerId, seen);
    }),
    { numRuns: 150 },
  );
});

test('DER: what is written is read, and no input makes the reader go beyond its end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.uint8Array({ maxLength: 300 }))),
      (items) => {
        const bytes = Buffer.concat(items.map(([tag, content]) => der(tag, content)));
        assert.deepEqual(
          derItems(bytes).map(({ tag, content }) => [tag, Array.from(content)]),
          items.map(([tag, content]) => [tag, Array.from(content)]),
        );
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        for (const { content } of derItems(bytes)) assert.ok(content.length <= bytes.length);
      } catch (error) {
        assert.equal((error as Error).constructor.name, 'DerFault');
      }
    }),
  );
});
