/** What was said, as this device knows it: lines by conversation, and up to where they were read. */
import type { Change, Store } from './store.ts';

export interface Line {
  /** Of its writing, by the writer's clock. */
  readonly id: string;
  /** `#room`, or the address of the other. */
  readonly where: string;
  readonly from: string;
  readonly text: string;
}

export interface Conversation {
  readonly where: string;
  readonly unread: number;
  /** Id of the newest line; empty when there is none. */
  readonly newest: string;
}

export interface Archive {
  /** Undefined for one that is there already. */
  add(line: Line): Promise<Change | undefined>;
  /** The newest of one conversation, in their order. */
  lines(where: string, limit?: number): Promise<readonly Line[]>;
  all(): Promise<readonly Line[]>;
  /** Of all rooms joined and all who wrote; the newest first. */
  conversations(): Promise<readonly Conversation[]>;
  /** Up to its newest line. */
  markRead(where: string): Promise<void>;
}

const ID = /^\d{14}-[0-9a-z]{1,20}$/;
const MAX_TEXT_LENGTH = 16_384;

/** Undefined: what a member sent is no line. */
export function lineOf(content: unknown, where: string, from: string): Line | undefined {
  const { id, text } = (content ?? {}) as Partial<Line>;
  if (typeof id !== 'string' || !ID.test(id) || typeof text !== 'string') return undefined;
  return text.length > MAX_TEXT_LENGTH ? undefined : { id, where, from, text };
}

export function timeOf(id: string): number {
  return Number(id.slice(0, 14));
}

export function createArchive(store: Store, address: string): Archive {
  const linesOf = async (prefix: string) => (await store.list(prefix)).map(([, value]) => value as Line);

  return {
    async add(line) {
      // With its author in the name: no member can write over what another said.
      const key = `line/${line.where}/${line.id}-${line.from}`;
      return (await store.get(key)) ? undefined : [key, line];
    },
    lines: async (where, limit = 500) => (await linesOf(`line/${where}/`)).slice(-limit),
    all: () => linesOf('line/'),
    async conversations() {
      const found = new Map<string, { unread: number; newest: string }>();
      for (const [key] of await store.list('joined/'))
        found.set(`#${key.slice('joined/'.length)}`, { unread: 0, newest: '' });
      const read = new Map((await store.list('read/')).map(([key, id]) => [key.slice(5), String(id)]));
      for (const { where, id, from } of await linesOf('line/')) {
        const one = found.get(where) ?? { unread: 0, newest: '' };
        if (from !== address && id > (read.get(where) ?? '')) one.unread++;
        if (id > one.newest) one.newest = id;
        found.set(where, one);
      }
      return [...found]
        .map(([where, one]) => ({ where, ...one }))
        .sort((a, b) => (a.newest > b.newest ? -1 : 1));
    },
    async markRead(where) {
      const last = (await linesOf(`line/${where}/`)).at(-1);
      if (last) await store.write([[`read/${where}`, last.id]]);
    },
  };
}
