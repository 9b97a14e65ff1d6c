/**
 * Who is in a room: a chain of changes in one agreed record. Each is signed by a device that was in the room before it, with the
 * wallet's word for that device, so whoever may write the record still cannot make themselves a member. Who knows a room
 * takes only a chain that goes on from what they know; who comes new takes the one they find.
 */
import { decodeCbor, encodeCbor, equalBytes, isP2posError, P2posError } from '@p2pos/protocol';
import { sign, verify } from '@p2pos/protocol/e2ee';
import type { Client } from '@p2pos/sdk';
import type { Device } from './directory.ts';
import { checkSignIn, type SignIn } from './sign-in.ts';
import type { Store } from './store.ts';

const PURPOSE = 'anchat/room/1';
const MAX_MEMBERS = 128;
const MAX_ROOM_BYTES = 64_000;

interface Draft {
  readonly name: string;
  readonly epoch: number;
  readonly members: readonly string[];
  readonly by: string;
  readonly signingKey: Uint8Array;
  readonly signIn: SignIn;
  /** Milliseconds since 1970; the sign-in must have held then. */
  readonly at: number;
  /** SHA-256 of the change before; of the first: empty. */
  readonly previous: Uint8Array;
}
interface Change extends Draft {
  readonly signature: Uint8Array;
}

export interface Room {
  readonly name: string;
  /** Grows with each change. */
  readonly epoch: number;
  readonly members: readonly string[];
}

export interface Rooms {
  /** Undefined: there is no such room. Linearizable. @throws P2posError BAD_REQUEST for a chain that is not sound */
  find(name: string): Promise<Room | undefined>;
  /** Of two at once one goes first, and the other is done on top. @throws P2posError BAD_REQUEST */
  change(name: string, edit: (members: readonly string[]) => readonly string[]): Promise<Room>;
}

export interface RoomsDeps {
  readonly client: Client;
  /** `pin/<room>`: hash of the newest change seen. */
  readonly store: Store;
  readonly device: Device;
}

export function createRooms({ client, store, device }: RoomsDeps, now: () => number): Rooms {
  const pin = (name: string, hash: Uint8Array) => store.write([[`pin/${name}`, hash]]);

  async function load(name: string) {
    const entry = await client.kv.cas.get(keyOf(name));
    if (!entry) return undefined;
    const changes = decodeCbor(entry.value, { maxBytes: MAX_ROOM_BYTES }) as Change[];
    const hashes = await check(name, changes);
    const pinned = (await store.get(`pin/${name}`)) as Uint8Array | undefined;
    if (pinned && !hashes.some((hash) => equalBytes(hash, pinned)))
      throw unsound(name, 'it does not go on from the one that you know');
    const last = hashes.at(-1) as Uint8Array;
    if (!pinned || !equalBytes(pinned, last)) await pin(name, last);
    return { changes, version: entry.version, last };
  }

  return {
    async find(name) {
      const loaded = await load(name);
      return loaded?.changes.at(-1);
    },
    async change(name, edit) {
      for (;;) {
        const loaded = await load(name);
        const before = loaded?.changes.at(-1);
        if (before && !before.members.includes(device.address))
          throw new P2posError('BAD_REQUEST', { reason: `Only members of ${name} may change who is in it.` });
        const members = [...new Set(edit(before?.members ?? [device.address]))].sort();
        if (members.length > MAX_MEMBERS)
          throw new P2posError('BAD_REQUEST', { reason: `A room has at most ${MAX_MEMBERS} members.` });
        const { publicKey: signingKey, privateKey } = device.identity.signing;
        const draft: Draft = {
          name,
          epoch: (before?.epoch ?? 0) + 1,
          members,
          by: device.address,
          signingKey,
          signIn: device.signIn,
          at: now(),
          previous: loaded?.last ?? new Uint8Array(0),
        };
        const change: Change = { ...draft, signature: await sign(privateKey, signedBytes(draft)) };
        const value = encodeCbor([...(loaded?.changes ?? []), change].map((one) => ({ ...one })));
        if (value.length > MAX_ROOM_BYTES)
          throw new P2posError('BAD_REQUEST', {
            reason: `The room ${name} was changed too often: make another.`,
          });
        try {
          await client.kv.cas.compareAndSet(keyOf(name), value, loaded?.version ?? null);
        } catch (error) {
          if (isP2posError(error, 'CAS_CONDITION_FAILED')) continue;
          throw error;
        }
        await pin(name, await hashOf(change));
        return change;
      }
    },
  };
}

/** @returns the hash of each change */
async function check(name: string, changes: readonly Change[]): Promise<Uint8Array[]> {
  const hashes: Uint8Array[] = [];
  for (const [i, change] of changes.entries()) {
    const before = changes[i - 1];
    const { by, signingKey, signIn, at, previous, signature } = change;
    const inRoom = before
      ? before.members.includes(by)
      : change.members.length === 1 && change.members[0] === by;
    if (change.name !== name || change.epoch !== i + 1) throw unsound(name, 'its changes are out of order');
    if (!inRoom) throw unsound(name, `${by} changed it and was not in it`);
    if (!equalBytes(previous, hashes.at(-1) ?? new Uint8Array(0))) throw unsound(name, 'its chain is broken');
    if (!(await verify(signingKey, signature, signedBytes(change))))
      throw unsound(name, `${by} has not signed what is there`);
    await checkSignIn(signIn, { address: by, deviceKey: signingKey, now: at });
    hashes.push(await hashOf(change));
  }
  if (hashes.length === 0) throw unsound(name, 'it is empty');
  return hashes;
}

function keyOf(name: string): string {
  if (!/^[a-z0-9-]{1,64}$/.test(name))
    throw new P2posError('BAD_REQUEST', { reason: 'The name of a room is 1 to 64 of a–z, 0–9 and -.' });
  return `rooms/${name}`;
}

function signedBytes({ name, epoch, members, by, signingKey, at, previous }: Draft): Uint8Array {
  return encodeCbor([PURPOSE, name, epoch, [...members], by, signingKey, at, previous]);
}

async function hashOf(change: Change): Promise<Uint8Array> {
  const bytes = encodeCbor([signedBytes(change), change.signature]) as Uint8Array<ArrayBuffer>;
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

function unsound(name: string, reason: string): P2posError {
  return new P2posError('BAD_REQUEST', { reason: `The room ${name} is refused: ${reason}.` });
}
