/** A client that watches: it keeps what it was told, goes on through other nodes by its token, and checks the order. */
import assert from 'node:assert/strict';
import { isP2posError } from '@p2pos/protocol';
import type { Records, WatchEvent } from '../port.ts';
import { decode, NAMESPACE, type Testbed } from './testbed.ts';

export interface Seen {
  readonly version: string;
  /** Undefined: deleted. */
  readonly value: string | undefined;
}

export class Watching {
  readonly state = new Map<string, Seen>();
  readonly events: WatchEvent[] = [];
  readonly #bed: Testbed;
  readonly #input: Omit<Parameters<Records['watch']>[0], 'from'>;
  token: string | undefined;
  #stop: AbortController | undefined;
  #work: Promise<void> | undefined;
  /** What one watch told, which must not go back. */
  #told = new Map<string, string>();
  ended: unknown;

  constructor(
    bed: Testbed,
    {
      namespace = NAMESPACE,
      prefix = '',
      listing = true,
    }: { namespace?: string; prefix?: string; listing?: boolean } = {},
  ) {
    this.#bed = bed;
    this.#input = { namespace, prefix: new TextEncoder().encode(prefix), listing };
  }

  get isRunning(): boolean {
    return this.#work !== undefined;
  }

  start(index: number, from = this.token): void {
    const stop = new AbortController();
    this.#stop = stop;
    this.#told = new Map();
    this.ended = undefined;
    const watch = this.#bed
      .node(index)
      .records.watch({ ...this.#input, ...(from && { from }) }, { signal: stop.signal });
    const work = (async () => {
      for await (const event of watch) this.#take(event);
    })()
      .catch((error) => {
        this.ended = error;
        if (!isP2posError(error) || !error.retry) throw error;
      })
      .finally(() => {
        this.#work = undefined;
      });
    work.catch(() => {});
    this.#work = work;
  }

  async stop(): Promise<void> {
    const work = this.#work;
    this.#stop?.abort(new Error('stopped by the test'));
    if (work) await this.#bed.run(work);
  }

  /** Of those that are alive, by key. */
  alive(): Record<string, string> {
    return Object.fromEntries(
      [...this.state]
        .flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value] as const]))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  changes(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'change'
        ? [`${decode(event.key)}=${event.value ? decode(event.value) : 'gone'}`]
        : [event.type],
    );
  }

  #take(event: WatchEvent): void {
    this.events.push(event);
    if ('token' in event && event.token) this.token = event.token;
    if (event.type === 'compacted') {
      this.#told.clear();
      this.state.clear();
    }
    if (event.type !== 'change') return;
    const key = decode(event.key);
    const before = this.#told.get(key);
    assert.ok(
      before === undefined || event.version >= before,
      `${key}: told ${event.version} after ${before}`,
    );
    this.#told.set(key, event.version);
    const held = this.state.get(key);
    if (held && held.version > event.version) return;
    this.state.set(key, { version: event.version, value: event.value ? decode(event.value) : undefined });
  }
}
