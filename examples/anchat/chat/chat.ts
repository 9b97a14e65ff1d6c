/**
 * A client of anchat: rooms and letters that only their members can read. Nodes keep and carry bytes; keys are here. The terminal
 * and the page are both this, with a store and a wallet of their own.
 *
 * @example
 * const device = (await openDevice(client, store, Date.now())) ?? (await enroll(client, store, wallet, { now: Date.now() }));
 * const chat = createChat({ client, store, device });
 * await chat.join('lobby');
 * await chat.say('#lobby', 'hello');
 * for await (const told of chat.events({ signal })) if (told.type === 'line') console.log(told.line.text);
 */
import { decodeCbor, encodeCbor, isP2posError, P2posError } from '@p2pos/protocol';
import { chainOf, type SenderKey } from '@p2pos/protocol/e2ee';
import type { Client } from '@p2pos/sdk';
import { type Archive, createArchive, type Line, lineOf } from './archive.ts';
import { checkEntry, createDirectory, type Device, type Listed } from './directory.ts';
import { createId, follow, KEPT_MS, type Post, topicOf } from './feed.ts';
import { historyLetters, linesOf } from './history.ts';
import { createOutbox } from './outbox.ts';
import { pause } from './pause.ts';
import { createPresence, type Presence } from './presence.ts';
import { createRooms, type Room } from './rooms.ts';
import { createSessions } from './sessions.ts';
import { issuedAt } from './sign-in.ts';
import type { Change, Store } from './store.ts';
import { createTalk } from './talk.ts';

/**
 * `sent`: a majority has the line of that id. `room`: who is in it may have changed. `device`: another one of this very address,
 * which may be given the history. `history`: so many older lines came from there.
 */
export type Told =
  | { readonly type: 'line'; readonly line: Line; readonly pending: boolean }
  | { readonly type: 'sent'; readonly id: string }
  | { readonly type: 'invitation'; readonly room: string; readonly from: string }
  | { readonly type: 'room'; readonly room: string }
  | { readonly type: 'device'; readonly id: string }
  | { readonly type: 'history'; readonly lines: number };

export interface Chat {
  readonly address: string;
  readonly device: string;
  readonly archive: Archive;
  readonly presence: Presence;
  room(name: string): Promise<Room | undefined>;
  /** Makes the room, or joins the talk of one that this address is a member of. */
  join(room: string): Promise<Room>;
  invite(room: string, address: string): Promise<Room>;
  remove(room: string, address: string): Promise<Room>;
  /** Neither joined nor declined yet. */
  invitations(): Promise<readonly { readonly room: string; readonly from: string }[]>;
  decline(room: string): Promise<void>;
  /** Ids of the devices of this address but this one. */
  otherDevices(): Promise<readonly string[]>;
  /** To `#room` or to an address. Resolves when a majority has it on disk; what fails is kept and sent later. */
  say(where: string, text: string): Promise<void>;
  /** All lines that this device knows, to another one of the same address. */
  shareHistory(device: string): Promise<void>;
  /** Everything that comes, until the signal aborts. Once. */
  events(options: { readonly signal: AbortSignal }): AsyncIterable<Told>;
}

export interface ChatDeps {
  readonly client: Client;
  readonly store: Store;
  readonly device: Device;
  readonly now?: () => number;
}

/** Messages that came before the key to them. */
const MAX_WAITING = 1_000;
const AGAIN_MS = 500;

export function createChat({ client, store, device, now = Date.now }: ChatDeps): Chat {
  const { address } = device;
  const directory = createDirectory(client, now);
  const sessions = createSessions({ store, directory, device });
  const rooms = createRooms({ client, store, device }, now);
  const talk = createTalk({ store, rooms, directory, device });
  const archive = createArchive(store, address);
  const outbox = createOutbox(client, store, (id) => tell({ type: 'sent', id }));
  const presence = createPresence({ client, directory, device }, now);
  const waiting: Post[] = [];
  let queue: Told[] = [];
  let wake = () => {};
  let start: ((room: string) => void) | undefined;
  /** One at a time, so that no two messages take one key. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };
  const mailOf = ({ address: to, id }: Pick<Listed, 'address' | 'id'>) => `mail/${to}/${id}`;
  const seenOf = ({ place, id }: Post): Change => [`seen/${place}/${id}`, true];

  function tell(one: Told): void {
    queue.push(one);
    wake();
  }

  /** Sealed for each device and kept, with what else changes; still to be delivered. */
  async function letters(to: readonly Listed[], content: object, changes: readonly Change[] = []) {
    const posts: Post[] = [];
    const all: Change[] = [...changes];
    for (const one of to) {
      const sealed = await sessions.seal(one, encodeCbor(content));
      posts.push({ place: mailOf(one), id: createId(now()), bytes: sealed.bytes });
      all.push(...sealed.changes);
    }
    return { posts, changes: [...all, ...posts.map((one) => outbox.entry(one))] };
  }

  const others = (listed: readonly Listed[]) => listed.filter(({ id }) => id !== device.id);
  /** None is no fault: this device alone reads it. */
  const ownOthers = async () =>
    others(await directory.devicesOf(address).catch(() => [] as readonly Listed[]));

  async function sayInRoom(room: string, line: Line): Promise<readonly Post[]> {
    const { bytes, key, lacking, changes } = await talk.seal(room, { id: line.id, text: line.text });
    const message: Post = { place: `rooms/${room}/log`, id: line.id, bytes };
    const own = await archive.add(line);
    const keys = await letters(lacking, { type: 'sender-key', ...key }, changes);
    await store.write([...keys.changes, ...(own ? [own] : []), seenOf(message), outbox.entry(message)]);
    return [...keys.posts, message];
  }

  async function sayTo(to: string, line: Line): Promise<readonly Post[]> {
    const readers = [...(await directory.devicesOf(to)), ...(to === address ? [] : await ownOthers())];
    const { posts, changes } = await letters(others(readers), { type: 'text', to, ...shown(line) });
    const own = await archive.add(line);
    await store.write([...changes, ...(own ? [own] : [])]);
    return posts;
  }

  async function readLetter(one: Post): Promise<void> {
    const { from, device: by, plaintext, changes } = await sessions.open(one.bytes);
    const content = decodeCbor(plaintext, { maxBytes: 65_536 }) as { type?: unknown; to?: unknown };
    const kept: Change[] = [...changes, seenOf(one)];
    const after: (() => unknown)[] = [];
    if (content.type === 'text') {
      const line = lineOf(content, from === address ? String(content.to) : from, from);
      const added = line && (await archive.add(line));
      if (added) {
        kept.push(added);
        after.push(() => tell({ type: 'line', line, pending: false }));
      }
    } else if (content.type === 'sender-key') {
      kept.push(...(await talk.take(from, content as unknown as SenderKey)));
      after.push(readWaiting);
    } else if (content.type === 'invitation') {
      const { room } = content as { room?: unknown };
      if (typeof room === 'string' && (await rooms.find(room))?.members.includes(address)) {
        kept.push([`invitation/${room}`, from]);
        after.push(() => tell({ type: 'invitation', room, from }));
      }
    } else if (content.type === 'history' && from === address && by !== device.id) {
      const { lines, joined } = linesOf(content);
      let count = 0;
      for (const line of lines) {
        const added = await archive.add(line);
        if (added && ++count) kept.push(added);
      }
      for (const room of joined) after.push(() => join(room).catch(() => {}));
      after.push(() => tell({ type: 'history', lines: count }));
    }
    await store.write(kept);
    for (const run of after) await run();
  }

  async function readWaiting(): Promise<void> {
    for (const one of waiting.splice(0)) await readMessage(one).catch(() => {});
  }

  async function readMessage(one: Post): Promise<void> {
    const room = one.place.split('/')[1] as string;
    const said = await talk.open(room, one.bytes);
    if (!said) {
      if (chainOf(one.bytes) === undefined) return;
      waiting.push(one);
      if (waiting.length > MAX_WAITING) waiting.shift();
      return;
    }
    const line = lineOf(said.content, `#${room}`, said.from);
    const added = line && (await archive.add(line));
    await store.write([...said.changes, seenOf(one), ...(added ? [added] : [])]);
    if (added) tell({ type: 'line', line, pending: false });
  }

  async function join(name: string): Promise<Room> {
    const room = (await rooms.find(name)) ?? (await rooms.change(name, (members) => members));
    if (!room.members.includes(address))
      throw new P2posError('BAD_REQUEST', {
        reason: `There is a room ${name} already, and you are not in it: ask ${room.members[0]} to invite you.`,
      });
    await store.write([
      [`joined/${name}`, true],
      [`invitation/${name}`, undefined],
    ]);
    start?.(name);
    return room;
  }

  async function change(name: string, edit: (members: readonly string[]) => readonly string[]) {
    const room = await rooms.change(name, edit);
    await client.pubsub.publish(topicOf(`rooms/${name}/members`), new Uint8Array(0)).catch(() => {});
    return room;
  }

  return {
    address,
    device: device.id,
    archive,
    presence,
    room: rooms.find,
    join,
    async invite(name, who) {
      await directory.devicesOf(who, { fresh: true });
      const room = await change(name, (members) => [...members, who]);
      const posts = await inTurn(async () => {
        const all = await letters(await directory.devicesOf(who), { type: 'invitation', room: name });
        await store.write(all.changes);
        return all.posts;
      });
      await outbox.deliver(posts);
      return room;
    },
    remove: (name, who) => change(name, (members) => members.filter((member) => member !== who)),
    invitations: async () =>
      (await store.list('invitation/')).map(([key, from]) => ({
        room: key.slice('invitation/'.length),
        from: String(from),
      })),
    decline: (name) => store.write([[`invitation/${name}`, undefined]]),
    otherDevices: async () => {
      const all = await directory.devicesOf(address, { fresh: true });
      return others(all).map(({ id }) => id);
    },
    async say(where, text) {
      const line: Line = { id: createId(now()), where, from: address, text };
      if (!lineOf(line, where, address))
        throw new P2posError('BAD_REQUEST', { reason: 'A line is at most 16 384 characters long.' });
      const posts = await inTurn(() =>
        where.startsWith('#') ? sayInRoom(where.slice(1), line) : sayTo(where, line),
      );
      tell({ type: 'line', line, pending: true });
      await outbox.deliver(posts);
      tell({ type: 'sent', id: line.id });
    },
    async shareHistory(id) {
      const to = (await directory.devicesOf(address, { fresh: true })).find((one) => one.id === id);
      if (!to || id === device.id)
        throw new P2posError('BAD_REQUEST', { reason: 'You have no such other device.' });
      const joined = (await store.list('joined/')).map(([key]) => key.slice('joined/'.length));
      for (const content of historyLetters(await archive.all(), joined)) {
        const posts = await inTurn(async () => {
          const all = await letters([to], content);
          await store.write(all.changes);
          return all.posts;
        });
        await outbox.deliver(posts);
      }
    },
    async *events({ signal }) {
      const take = async (place: string, read: (one: Post) => Promise<void>) => {
        while (!signal.aborted) {
          try {
            for await (const one of follow(client, place, signal)) await untilRead(one, read);
          } catch {
            await pause(AGAIN_MS, signal);
          }
        }
      };
      // What cannot be read is passed over, and the talk goes on; what a lost node kept from being read is tried again.
      const untilRead = async (one: Post, read: (one: Post) => Promise<void>) => {
        while (!signal.aborted) {
          try {
            if (!(await store.get(seenOf(one)[0]))) await inTurn(() => read(one));
            return;
          } catch (error) {
            if (!isP2posError(error) || !error.retry) return;
            await pause(AGAIN_MS, signal);
          }
        }
      };
      const watched = new Set<string>();
      start = (room) => {
        if (watched.has(room)) return;
        watched.add(room);
        void take(`rooms/${room}/log`, readMessage);
        void hear(topicOf(`rooms/${room}/members`), () => tell({ type: 'room', room }));
      };
      const hear = async (topic: string, onMessage: () => void) => {
        while (!signal.aborted) {
          try {
            for await (const event of client.pubsub.subscribe(topic, { signal }))
              if (event.type === 'message') onMessage();
          } catch {
            await pause(AGAIN_MS, signal);
          }
        }
      };
      const meetOwnDevices = async () => {
        const prefix = `devices/${address}/`;
        for await (const event of client.kv.watch(prefix, { signal })) {
          if (event.type !== 'change' || !event.value) continue;
          const id = event.key.slice(prefix.length);
          const other = await checkEntry(address, id, event.value, now()).catch(() => undefined);
          // The older one gives, and is the one to ask.
          if (!other || id === device.id || other.since < issuedAt(device.signIn)) continue;
          await directory.devicesOf(address, { fresh: true }).catch(() => {});
          if (!(await store.get(`met/${id}`))) tell({ type: 'device', id });
          await store.write([[`met/${id}`, true]]);
        }
      };
      await forget(now() - KEPT_MS);
      void take(mailOf(device), readLetter);
      for (const [key] of await store.list('joined/')) start(key.slice('joined/'.length));
      void outbox.run(signal);
      void meetOwnDevices().catch(() => {});
      void presence.run(signal);
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        const ready = queue;
        queue = [];
        yield* ready;
        if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };

  /** Marks of messages that no node keeps any more. */
  async function forget(before: number): Promise<void> {
    const old = (await store.list('seen/')).filter(
      ([key]) => Number(key.slice(key.lastIndexOf('/') + 1).slice(0, 14)) < before,
    );
    if (old.length > 0) await store.write(old.map(([key]) => [key, undefined] as const));
  }
}

function shown({ id, text }: Line) {
  return { id, text };
}
