import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fromHex, toHex } from '../encoding/hex.ts';
import { isP2posError } from '../errors/errors.ts';
import {
  accept,
  chainOf,
  createIdentity,
  createPreKeys,
  createReceiver,
  createSender,
  decrypt,
  decryptFromRoom,
  encrypt,
  encryptToRoom,
  initiate,
  MAX_SKIP,
  type RatchetState,
  type ReceiverState,
  type SenderState,
  senderKeyOf,
  startReceiving,
  startSending,
} from './index.ts';
import { diffieHellman, hkdf, hmac } from './primitives.ts';
import { ALICE_TO_BOB } from './vectors.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const unreadable = (error: unknown) => isP2posError(error, 'E2EE_UNREADABLE');

async function meet() {
  const [alice, bob] = await Promise.all([createIdentity(), createIdentity()]);
  const { bundle, secrets } = await createPreKeys(bob, { oneTime: 1 });
  const oneTimePreKey = secrets.oneTime[0]?.publicKey;
  assert.ok(oneTimePreKey);
  const first = await initiate(alice, { ...bundle, oneTimePreKey });
  const second = await accept(bob, secrets, first.opening);
  return { alice, bob, bundle, secrets, first, second };
}

async function talk(): Promise<{ alice: RatchetState; bob: RatchetState }> {
  const { first, second, secrets } = await meet();
  return {
    alice: await startSending(first, secrets.signed.publicKey),
    bob: startReceiving(second, secrets.signed),
  };
}

describe('primitives', () => {
  test('X25519: RFC 7748, section 6.1', async () => {
    const alice = fromHex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
    const bob = fromHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    assert.equal(
      toHex(await diffieHellman(alice, bob)),
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    );
  });
  test('HKDF: RFC 5869, test case 3; HMAC: RFC 4231, test case 2', async () => {
    assert.equal(
      toHex(await hkdf(new Uint8Array(0), new Uint8Array(22).fill(0x0b), '', 42)),
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
    assert.equal(
      toHex(await hmac(bytes('Jefe'), bytes('what do ya want for nothing?'))),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });
  test('points of small order and keys of other lengths are refused', async () => {
    const { agreement } = await createIdentity();
    for (const point of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31)), new Uint8Array(31)])
      await assert.rejects(diffieHellman(agreement.privateKey, point), (error) =>
        isP2posError(error, 'E2EE_KEY_INVALID'),
      );
  });
});

describe('the first secret', () => {
  test('keys whose bytes nobody gets serve as well', async () => {
    const [alice, bob] = await Promise.all([
      createIdentity({ extractable: false }),
      createIdentity({ extractable: false }),
    ]);
    const { bundle, secrets } = await createPreKeys(bob, { oneTime: 1, extractable: false });
    for (const { privateKey } of [bob.signing, bob.agreement, secrets.signed, ...secrets.oneTime])
      await assert.rejects(crypto.subtle.exportKey('pkcs8', privateKey as CryptoKey), /not extractable/);
    const oneTimePreKey = secrets.oneTime[0]?.publicKey;
    assert.ok(oneTimePreKey);
    const first = await initiate(alice, { ...bundle, oneTimePreKey });
    const sent = await encrypt(await startSending(first, bundle.signedPreKey), bytes('hello'));
    const second = await accept(bob, secrets, first.opening);
    const read = await decrypt(startReceiving(second, secrets.signed), sent.message);
    assert.equal(text(read.plaintext), 'hello');
  });
  test('both come to the same, and it differs with each one-time key', async () => {
    const { alice, bundle, first, second } = await meet();
    assert.deepEqual(first.secret, second.secret);
    assert.deepEqual(first.associated, second.associated);
    assert.notDeepEqual((await initiate(alice, bundle)).secret, first.secret);
  });
  test('a bundle whose pre-key another has signed, and a one-time key used twice, are refused', async () => {
    const { alice, bob, bundle, secrets, first } = await meet();
    const mallory = await createPreKeys(await createIdentity(), { oneTime: 0 });
    const invalid = (error: unknown) => isP2posError(error, 'E2EE_BUNDLE_INVALID');
    await assert.rejects(initiate(alice, { ...bundle, signedPreKey: mallory.bundle.signedPreKey }), invalid);
    await assert.rejects(initiate(alice, { ...bundle, agreementKey: mallory.bundle.agreementKey }), invalid);
    await assert.rejects(accept(bob, { ...secrets, oneTime: [] }, first.opening), invalid);
    await assert.rejects(accept(bob, mallory.secrets, first.opening), invalid);
  });
});

describe('between two', () => {
  test('what was recorded is read: the format does not change', async () => {
    let state = startReceiving(ALICE_TO_BOB.agreed, ALICE_TO_BOB.preKey);
    const texts: string[] = [];
    for (const message of ALICE_TO_BOB.messages) {
      const read = await decrypt(state, message);
      state = read.state;
      texts.push(text(read.plaintext));
    }
    assert.deepEqual(texts, ALICE_TO_BOB.texts);
  });

  test('who was written to cannot write first', async () => {
    const { bob } = await talk();
    await assert.rejects(encrypt(bob, bytes('x')), (error) => isP2posError(error, 'E2EE_NOT_STARTED'));
  });

  test('whatever is lost, late, repeated or forged, each message that comes is read once and as it was written', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), by: fc.boolean() }) },
      { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver' as const), at: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), at: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('repeat' as const), at: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('forge' as const), at: fc.nat(), bit: fc.nat() }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const states = await talk();
        const onTheWay: { to: 'alice' | 'bob'; message: Uint8Array; text: string }[] = [];
        const read: typeof onTheWay = [];
        let count = 0;
        for (const one of steps) {
          if (one.do === 'write') {
            const from = one.by ? 'alice' : 'bob';
            if (!states[from].sendingKey) continue;
            const words = `message ${count++}`;
            const { state, message } = await encrypt(states[from], bytes(words));
            states[from] = state;
            onTheWay.push({ to: one.by ? 'bob' : 'alice', message, text: words });
            continue;
          }
          const list = one.do === 'repeat' ? read : onTheWay;
          if (list.length === 0) continue;
          const at = one.at % list.length;
          const { to, message, text: words } = list[at] as (typeof list)[0];
          if (one.do === 'lose') onTheWay.splice(at, 1);
          else if (one.do === 'deliver') {
            const result = await decrypt(states[to], message);
            assert.equal(text(result.plaintext), words);
            states[to] = result.state;
            read.push(...onTheWay.splice(at, 1));
          } else if (one.do === 'repeat') await assert.rejects(decrypt(states[to], message));
          else {
            const forged = message.slice();
            const bit = one.bit % (forged.length * 8);
            forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7));
            await assert.rejects(decrypt(states[to], forged));
          }
        }
        for (const { to, message, text: words } of onTheWay) {
          const result = await decrypt(states[to], message);
          assert.equal(text(result.plaintext), words);
          states[to] = result.state;
        }
      }),
      { numRuns: 30 },
    );
  });

  test('a stolen state reads nothing that is written after both have answered', async () => {
    const states = await talk();
    const send = async (from: 'alice' | 'bob') => {
      const to = from === 'alice' ? 'bob' : 'alice';
      const { state, message } = await encrypt(states[from], bytes('x'));
      states[from] = state;
      states[to] = (await decrypt(states[to], message)).state;
      return message;
    };
    await send('alice');
    await send('bob');
    const stolen = states.bob;
    await send('alice');
    await send('bob');
    const after = await send('alice');
    await assert.rejects(decrypt(stolen, after), unreadable);
  });

  test('a peer cannot make the other work or remember without bound', async () => {
    const states = await talk();
    const first = await encrypt(states.alice, bytes('first'));
    states.bob = (await decrypt(states.bob, first.message)).state;
    let alice = first.state;
    for (let i = 0; i < MAX_SKIP + 1; i++) alice = (await encrypt(alice, bytes('lost'))).state;
    const far = await encrypt(alice, bytes('far'));
    await assert.rejects(decrypt(states.bob, far.message), unreadable);
    for (const junk of [
      new Uint8Array(0),
      bytes('x'),
      new Uint8Array(2_000_000),
      Uint8Array.of(0x82, 0x40, 0x40),
    ])
      await assert.rejects(decrypt(states.bob, junk), unreadable);
  });
});

describe('a room', () => {
  const everyone = ['alice', 'bob', 'carol'] as const;
  type Name = (typeof everyone)[number];

  test('all members read what one writes, late and out of order; who joins reads nothing old, who left nothing new', async () => {
    const senders = {} as Record<Name, SenderState>;
    const heard = {} as Record<Name, Map<string, ReceiverState>>;
    for (const name of everyone) {
      senders[name] = await createSender('room');
      heard[name] = new Map();
    }
    const introduce = (from: Name, to: Name, message: Uint8Array) => {
      const chain = chainOf(message) as string;
      heard[to].set(chain, heard[to].get(chain) ?? createReceiver(senderKeyOf(senders[from])));
    };
    const write = async (from: Name, words: string) => {
      const { state, message } = await encryptToRoom(senders[from], bytes(words));
      return { state, message };
    };
    const read = async (by: Name, message: Uint8Array) => {
      const chain = chainOf(message) as string;
      const result = await decryptFromRoom(heard[by].get(chain) as ReceiverState, message);
      heard[by].set(chain, result.state);
      return text(result.plaintext);
    };
    const old = await write('alice', 'before carol');
    introduce('alice', 'bob', old.message);
    senders.alice = old.state;
    const one = await write('alice', 'one');
    introduce('alice', 'carol', one.message);
    senders.alice = one.state;
    const two = await write('alice', 'two');
    senders.alice = two.state;
    assert.equal(await read('bob', two.message), 'two');
    assert.equal(await read('bob', old.message), 'before carol');
    assert.equal(await read('bob', one.message), 'one');
    await assert.rejects(read('bob', one.message), unreadable);
    await assert.rejects(read('carol', old.message), unreadable, 'who joined later');
    assert.equal(await read('carol', one.message), 'one');

    // Bob leaves: the others make fresh chains, which he never gets.
    senders.alice = await createSender('room');
    const three = await write('alice', 'three');
    introduce('alice', 'carol', three.message);
    assert.equal(await read('carol', three.message), 'three');
    for (const state of heard.bob.values())
      await assert.rejects(decryptFromRoom(state, three.message), unreadable);
  });

  test('a member cannot write as another, nor take a message into another room', async () => {
    const alice = await createSender('room');
    const receiver = createReceiver(senderKeyOf(alice));
    const mallory = await createSender('room');
    // Mallory knows the chain as every member does, but not the key that signs.
    const forged = await encryptToRoom(
      { ...alice, signing: { ...mallory.signing, publicKey: alice.signing.publicKey } },
      bytes('x'),
    );
    await assert.rejects(decryptFromRoom(receiver, forged.message), unreadable);
    const real = await encryptToRoom(alice, bytes('x'));
    await assert.rejects(decryptFromRoom({ ...receiver, room: 'other' }, real.message), unreadable);
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (n) => {
        const changed = real.message.slice();
        const bit = n % (changed.length * 8);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        await assert.rejects(decryptFromRoom(receiver, changed), unreadable);
      }),
      { numRuns: 100 },
    );
  });
});
