/**
 * A client of anchat: rooms and letters that only their members can read. Nodes keep and carry bytes; keys are here.
 *
 * @example
 * const chat = await createChat(client, await enroll(client, wallet, Date.now()));
 * await chat.join('lobby');
 * await chat.say('lobby', 'hello');
 * for await (const line of chat.lines({ signal })) console.log(line.from, line.text);
 */
import { decodeCbor, encodeCbor, P2posError } from '@p2pos/protocol';
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
import type { Client } from '@p2pos/sdk';
import type { Device } from './directory.ts';
import { follow, post } from './feed.ts';
import { createRooms, type Room } from './rooms.ts';
import { createSessions } from './sessions.ts';

export interface Line {
  readonly id: string;
  /** Undefined: a letter to this address alone. */
  readonly room?: string;
  readonly from: string;
  readonly text: string;
}

export interface Chat {
  readonly address: string;
  /** Makes the room, or joins the talk of one that this address is a member of. */
  join(room: string): Promise<Room>;
  invite(room: string, address: string): Promise<Room>;
  remove(room: string, address: string): Promise<Room>;
  /** Resolves when it is on disk at a majority. */
  say(room: string, text: string): Promise<void>;
  tell(address: string, text: string): Promise<void>;
  /** Everything that comes, until the signal aborts. One reader at a time. */
  lines(options: { readonly signal: AbortSignal }): AsyncIterable<Line>;
}

/** Messages that came before the key to them. */
const MAX_WAITING = 1_000;

interface Chain {
  readonly from: string;
  state: ReceiverState;
}

interface Own {
  readonly epoch: number;
  state: SenderState;
}

export function createChat(client: Client, device: Device, now: () => number = Date.now): Chat {
  const { address } = device;
  const sessions = createSessions(client, device, now);
  const rooms = createRooms(client, device, now);
  const chains = new Map<string, Chain>();
  const own = new Map<string, Own>();
  const waiting: { readonly room: string; readonly id: string; readonly bytes: Uint8Array }[] = [];
  const joined = new Set<string>();
  let queue: Line[] = [];
  let wake = () => {};
  let start: ((room: string) => void) | undefined;
  /** One at a time, so that no two messages take one key. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next.catch(() => {});
    return next;
  };

  const tellAll = (line: Line) => {
    queue.push(line);
    wake();
  };

  async function send(to: string, content: object): Promise<void> {
    await post(client, `mail/${to}`, await sessions.seal(to, encodeCbor({ ...content })), now());
  }

  /** A chain that exactly the members of now can read. */
  async function senderFor(name: string): Promise<Own> {
    const room = await rooms.find(name);
    if (!room?.members.includes(address))
      throw new P2posError('BAD_REQUEST', { reason: `You are not in the room ${name}.` });
    const known = own.get(name);
    if (known?.epoch === room.epoch) return known;
    const fresh: Own = { epoch: room.epoch, state: await createSender(name) };
    const key = senderKeyOf(fresh.state);
    for (const member of room.members)
      if (member !== address) await send(member, { type: 'sender-key', ...key });
    own.set(name, fresh);
    return fresh;
  }

  async function readLetter(id: string, bytes: Uint8Array): Promise<void> {
    const { from, plaintext } = await sessions.open(bytes);
    const content = decodeCbor(plaintext, { maxBytes: 65_536 }) as {
      type: string;
      text?: string;
    } & Partial<SenderKey>;
    if (content.type === 'text') tellAll({ id, from, text: String(content.text) });
    else if (content.type === 'sender-key') await takeKey(from, content as SenderKey);
  }

  async function takeKey(from: string, { room, chainKey, n, signingKey }: SenderKey): Promise<void> {
    // Whoever may write to this address could send a key; only members are heard.
    if (!(await rooms.find(room))?.members.includes(from)) return;
    const state = createReceiver({ room, chainKey, n, signingKey });
    const name = Buffer.from(signingKey).toString('base64url');
    if (chains.has(name)) return;
    chains.set(name, { from, state });
    for (const one of waiting.splice(0)) await readMessage(one.room, one.id, one.bytes);
  }

  async function readMessage(room: string, id: string, bytes: Uint8Array): Promise<void> {
    const chain = chains.get(chainOf(bytes) ?? '');
    if (!chain || chain.state.room !== room) {
      waiting.push({ room, id, bytes });
      if (waiting.length > MAX_WAITING) waiting.shift();
      return;
    }
    const { state, plaintext } = await decryptFromRoom(chain.state, bytes);
    chain.state = state;
    tellAll({ id, room, from: chain.from, text: new TextDecoder().decode(plaintext) });
  }

  return {
    address,
    async join(name) {
      const room = (await rooms.find(name)) ?? (await rooms.change(name, (members) => members));
      joined.add(name);
      start?.(name);
      return room;
    },
    invite: (name, who) => rooms.change(name, (members) => [...members, who]),
    remove: (name, who) => rooms.change(name, (members) => members.filter((member) => member !== who)),
    say: (name, text) =>
      inTurn(async () => {
        const sender = await senderFor(name);
        const { state, message } = await encryptToRoom(sender.state, new TextEncoder().encode(text));
        sender.state = state;
        await post(client, `rooms/${name}/log`, message, now());
      }),
    tell: (to, text) => inTurn(() => send(to, { type: 'text', text })),
    async *lines({ signal }) {
      // What cannot be read, one's own messages among it, is passed over: the talk goes on.
      const take = async (place: string, read: (id: string, bytes: Uint8Array) => Promise<void>) => {
        for await (const { id, bytes } of follow(client, place, signal))
          await inTurn(() => read(id, bytes)).catch(() => {});
      };
      void take(`mail/${address}`, readLetter).catch(() => wake());
      start = (room) =>
        void take(`rooms/${room}/log`, (id, bytes) => readMessage(room, id, bytes)).catch(() => wake());
      for (const room of joined) start(room);
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        const ready = queue;
        queue = [];
        yield* ready;
        if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
