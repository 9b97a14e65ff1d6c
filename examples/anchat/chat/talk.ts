/** What is said in rooms: a chain of keys per device and room, given to the devices of all members, made anew whenever one goes. */
import { decodeCbor, encodeCbor, P2posError, toBase64url } from '@p2pos/protocol';
import {
  chainOf,
  createReceiver,
  createSender,
  decryptFromRoom,
  encryptToRoom,
  type ReceiverState,
  type SenderKey,
  type SenderState,
  senderKeyOf,
} from '@p2pos/protocol/e2ee';
import type { Device, Directory, Listed } from './directory.ts';
import type { Rooms } from './rooms.ts';
import type { Change, Store } from './store.ts';

/** Under `own/<room>`. */
interface Own {
  readonly epoch: number;
  readonly state: SenderState;
  /** Devices that have its key. */
  readonly given: readonly string[];
}

/** Under `chain/<name>`. */
interface Chain {
  readonly from: string;
  readonly state: ReceiverState;
}

export interface Said {
  readonly from: string;
  readonly content: unknown;
  readonly changes: readonly Change[];
}

export interface Talk {
  /** A message that exactly the members of now can read, and the key for those devices that lack it. @throws P2posError BAD_REQUEST */
  seal(
    room: string,
    content: object,
  ): Promise<{
    readonly bytes: Uint8Array;
    readonly changes: readonly Change[];
    readonly key: SenderKey;
    readonly lacking: readonly Listed[];
  }>;
  /** Undefined: its key has not come yet. @throws P2posError E2EE_UNREADABLE */
  open(room: string, bytes: Uint8Array): Promise<Said | undefined>;
  /** Nothing from who is no member. */
  take(from: string, key: SenderKey): Promise<readonly Change[]>;
}

export interface TalkDeps {
  readonly store: Store;
  readonly rooms: Rooms;
  readonly directory: Directory;
  readonly device: Device;
}

export function createTalk({ store, rooms, directory, device }: TalkDeps): Talk {
  return {
    async seal(name, content) {
      const room = await rooms.find(name);
      if (!room?.members.includes(device.address))
        throw new P2posError('BAD_REQUEST', { reason: `You are not in the room ${name}.` });
      const everywhere = (await Promise.all(room.members.map((member) => devicesOf(member)))).flat();
      const others = everywhere.filter(({ id }) => id !== device.id);
      const before = (await store.get(`own/${name}`)) as Own | undefined;
      const isGone = before?.given.some((id) => !others.some((other) => other.id === id));
      const own =
        before?.epoch === room.epoch && !isGone
          ? before
          : { epoch: room.epoch, state: await createSender(name), given: [] };
      const key = senderKeyOf(own.state);
      const { state, message } = await encryptToRoom(own.state, encodeCbor(content));
      const next: Own = { epoch: room.epoch, state, given: others.map(({ id }) => id) };
      return {
        bytes: message,
        changes: [[`own/${name}`, next]],
        key,
        lacking: others.filter(({ id }) => !own.given.includes(id)),
      };
    },
    async open(name, bytes) {
      const chain = (await store.get(`chain/${chainOf(bytes) ?? ''}`)) as Chain | undefined;
      if (!chain || chain.state.room !== name) return undefined;
      const { state, plaintext } = await decryptFromRoom(chain.state, bytes);
      return {
        from: chain.from,
        content: decodeCbor(plaintext, { maxBytes: 65_536 }),
        changes: [[`chain/${chainOf(bytes)}`, { from: chain.from, state }]],
      };
    },
    async take(from, { room, chainKey, n, signingKey }) {
      // Whoever may write to this address could send a key; only members are heard.
      if (!(await rooms.find(room))?.members.includes(from)) return [];
      const state = createReceiver({ room, chainKey, n, signingKey });
      const name = `chain/${toBase64url(signingKey)}`;
      return (await store.get(name)) ? [] : [[name, { from, state } satisfies Chain]];
    },
  };

  /** A member who has no device left reads nothing and holds up nobody. */
  async function devicesOf(member: string): Promise<readonly Listed[]> {
    try {
      return await directory.devicesOf(member);
    } catch (error) {
      if (error instanceof P2posError && error.code === 'BAD_REQUEST') return [];
      throw error;
    }
  }
}
