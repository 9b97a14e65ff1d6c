/** Letters between two devices: sessions opened with one that is away, one per direction until both have met. */
import { decodeCbor, encodeCbor, P2posError, toHex } from '@p2pos/protocol';
import {
  accept,
  decrypt,
  encrypt,
  initiate,
  type Opening,
  type RatchetState,
  startReceiving,
  startSending,
} from '@p2pos/protocol/e2ee';
import { type Device, type Directory, type Listed, preKeysOf } from './directory.ts';
import type { Change, Store } from './store.ts';

/** Two may write first at once; more than that is a peer who begins anew. */
const MAX_SESSIONS = 4;
export const MAX_LETTER_BYTES = 65_536;

interface Session {
  readonly ratchet: RatchetState;
  /** Sent along until the other has answered. */
  readonly opening: Opening | undefined;
}

/** Under `session/<device>`, the newest first. */
interface Peer {
  readonly address: string;
  readonly sessions: readonly Session[];
}

interface Letter {
  readonly from: string;
  readonly device: Uint8Array;
  readonly opening?: Opening;
  readonly message: Uint8Array;
}

export interface Sealed {
  readonly bytes: Uint8Array;
  /** To be kept before the bytes are sent. */
  readonly changes: readonly Change[];
}

export interface Opened {
  readonly from: string;
  /** Id of the device that wrote it. */
  readonly device: string;
  readonly plaintext: Uint8Array;
  /** To be kept together with what is made of the plaintext. */
  readonly changes: readonly Change[];
}

export interface Sessions {
  /** One letter at a time to one device: the changes of the one before are kept by then. */
  seal(to: Listed, plaintext: Uint8Array): Promise<Sealed>;
  /** @throws P2posError E2EE_UNREADABLE, BAD_REQUEST for a sender who is not who they say */
  open(letter: Uint8Array): Promise<Opened>;
}

export interface SessionsDeps {
  readonly store: Store;
  readonly directory: Directory;
  readonly device: Device;
}

export function createSessions({ store, directory, device }: SessionsDeps): Sessions {
  const peerOf = async (id: string, address: string): Promise<Peer> =>
    ((await store.get(`session/${id}`)) as Peer | undefined) ?? { address, sessions: [] };
  const replaced = (id: string, peer: Peer, before: Session | undefined, after: Session): Change => [
    `session/${id}`,
    {
      address: peer.address,
      sessions: before
        ? peer.sessions.map((one) => (one === before ? after : one))
        : [after, ...peer.sessions].slice(0, MAX_SESSIONS),
    },
  ];

  return {
    async seal(to, plaintext) {
      const peer = await peerOf(to.id, to.address);
      const known = peer.sessions.find(({ ratchet }) => ratchet.sendingKey);
      const session = known ?? (await begin(to));
      const { state, message } = await encrypt(session.ratchet, plaintext);
      const { opening } = session;
      const letter: Letter = {
        from: device.address,
        device: device.identity.signing.publicKey,
        message,
        ...(opening && { opening }),
      };
      return {
        bytes: encodeCbor(letter),
        changes: [replaced(to.id, peer, known, { ratchet: state, opening })],
      };
    },
    async open(bytes) {
      const letter = parse(bytes);
      const { from, opening, message } = letter;
      const id = toHex(letter.device);
      const peer = await peerOf(id, from);
      if (peer.address !== from) throw unreadable(`${from} has no session of that device`);
      for (const session of peer.sessions) {
        const read = await decrypt(session.ratchet, message).catch(() => undefined);
        if (!read) continue;
        const after = { ratchet: read.state, opening: undefined };
        const changes = [replaced(id, peer, session, after)];
        return { from, device: id, plaintext: read.plaintext, changes };
      }
      const name = opening && `opening/${toHex(opening.ephemeralKey)}`;
      if (!opening || !name || (await store.get(name))) throw unreadable(`no session with ${from} reads it`);
      if (toHex(opening.signingKey) !== id) throw unreadable('it opens a session for another device');
      await directory.check(from, letter.device);
      const preKeys = await preKeysOf(store);
      const { usedOneTime, ...agreed } = await accept(device.identity, preKeys, opening);
      const read = await decrypt(startReceiving(agreed, preKeys.signed), message);
      const oneTime = preKeys.oneTime.filter(({ publicKey }) => publicKey !== usedOneTime);
      return {
        from,
        device: id,
        plaintext: read.plaintext,
        changes: [
          [name, true],
          ['pre-keys', { ...preKeys, oneTime }],
          replaced(id, peer, undefined, { ratchet: read.state, opening: undefined }),
        ],
      };
    },
  };

  async function begin(to: Listed): Promise<Session> {
    const bundle = await directory.bundleOf(to);
    const { opening, ...agreed } = await initiate(device.identity, bundle);
    return { ratchet: await startSending(agreed, bundle.signedPreKey), opening };
  }
}

function parse(bytes: Uint8Array): Letter {
  try {
    const letter = decodeCbor(bytes, { maxBytes: 2 * MAX_LETTER_BYTES }) as Letter;
    const isKeyed = letter.device instanceof Uint8Array && letter.device.length === 32;
    if (typeof letter.from !== 'string' || !isKeyed) throw new TypeError('parts are missing');
    return letter;
  } catch (error) {
    throw new P2posError('E2EE_UNREADABLE', { reason: 'it is no letter' }, { cause: error });
  }
}

function unreadable(reason: string): P2posError {
  return new P2posError('E2EE_UNREADABLE', { reason });
}
