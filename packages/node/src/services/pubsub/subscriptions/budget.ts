/**
 * How much may wait for subscribers, of one app and of all together, however many subscriptions there are. When it is too
 * much, the app that holds most gives way, and in it the longest queues, each in its own manner. What has no queue, because a
 * client has it in hand, may be half of it: so neither keeps the other from going on.
 */

/** What may wait in several places at once. Its buffer is counted once, and whole: a view keeps all of it. */
export interface Held {
  readonly buffer: { readonly byteLength: number } | undefined;
  /** Places in which it waits. Only the budget writes it. */
  holders: number;
}

export interface Queue {
  /** Who has more gives way first. */
  bytes(): number;
  /** Lets half of it go, or all. */
  shed(): void;
}

/** Of one queue, or of what a client has in hand. */
export interface Share extends Disposable {
  add(held: Held): void;
  remove(held: Held): void;
  /** If it is too much: sheds this queue or others. */
  relieve(): void;
  /** Even so it is too much: what was added last is to be removed. */
  isFull(): boolean;
}

export interface Budget {
  readonly bytes: number;
  /** Without a queue: of what cannot be taken back. */
  share(app: string, queue?: Queue): Share;
}

interface Account {
  /** Shares of it that are open. */
  users: number;
  readonly queues: Set<Queue>;
  readonly holders: Map<object, number>;
  bytes: number;
  /** Of what has no queue, each as if nobody else held it. */
  firmBytes: number;
  /** The queues had nothing to give: so many times they are not asked again. */
  skips: number;
}

/** A place in a queue, and what an event weighs besides its data. */
const PLACE_BYTES = 16;
const EVENT_BYTES = 384;
/** So much each app may hold whatever others do: what was handed on to clients that stall cannot be taken back. */
const LEAST_BYTES = 4 * 1_048_576;

export function createBudget({
  maxBytes,
  maxBytesPerApp,
}: {
  readonly maxBytes: number;
  readonly maxBytesPerApp: number;
}): Budget {
  const accounts = new Map<string, Account>();
  let total = 0;
  let totalFirm = 0;

  function count(account: Account, bytes: number): void {
    account.bytes += bytes;
    total += bytes;
  }

  function add(account: Account, held: Held): void {
    count(account, PLACE_BYTES);
    if (held.holders++ > 0) return;
    count(account, EVENT_BYTES);
    const { buffer } = held;
    if (!buffer) return;
    const before = account.holders.get(buffer) ?? 0;
    account.holders.set(buffer, before + 1);
    if (before === 0) count(account, buffer.byteLength);
  }

  function remove(account: Account, held: Held): void {
    count(account, -PLACE_BYTES);
    if (--held.holders > 0) return;
    count(account, -EVENT_BYTES);
    const { buffer } = held;
    if (!buffer) return;
    const left = (account.holders.get(buffer) as number) - 1;
    if (left > 0) account.holders.set(buffer, left);
    else {
      account.holders.delete(buffer);
      count(account, -buffer.byteLength);
    }
  }

  function weighFirm(account: Account, held: Held, sign: 1 | -1): void {
    const bytes = sign * (PLACE_BYTES + EVENT_BYTES + (held.buffer?.byteLength ?? 0));
    account.firmBytes += bytes;
    totalFirm += bytes;
  }

  const isTooMuch = (own: number, all: number, part: number) =>
    own > part * maxBytesPerApp || (all > part * maxBytes && own > LEAST_BYTES);

  /** An eighth at once, so that it is seldom looked who has most. */
  function shed(account: Account): void {
    if (account.skips > 0) {
      account.skips--;
      return;
    }
    const until = (account.bytes * 7) / 8;
    for (;;) {
      const longest = [...account.queues].sort((a, b) => b.bytes() - a.bytes());
      const most = longest[0]?.bytes() ?? 0;
      if (most === 0) break;
      for (const queue of longest) {
        if (account.bytes <= until) return;
        // Those that hold less come after the others have given as much.
        if (queue.bytes() <= most / 2) break;
        queue.shed();
      }
    }
    account.skips = account.queues.size;
  }

  const largest = () => [...accounts.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));

  return {
    get bytes() {
      return total;
    },
    share(app, queue) {
      const account = accounts.get(app) ?? {
        users: 0,
        queues: new Set(),
        holders: new Map(),
        bytes: 0,
        firmBytes: 0,
        skips: 0,
      };
      accounts.set(app, account);
      account.users++;
      if (queue) account.queues.add(queue);
      return {
        add(held) {
          add(account, held);
          if (!queue) weighFirm(account, held, 1);
        },
        remove(held) {
          remove(account, held);
          if (!queue) weighFirm(account, held, -1);
        },
        relieve() {
          if (account.bytes > maxBytesPerApp) shed(account);
          if (total > maxBytes) shed(largest());
        },
        isFull: () =>
          queue ? isTooMuch(account.bytes, total, 1) : isTooMuch(account.firmBytes, totalFirm, 1 / 2),
        [Symbol.dispose]() {
          if (queue) account.queues.delete(queue);
          account.users--;
          if (account.users === 0) accounts.delete(app);
        },
      };
    },
  };
}
