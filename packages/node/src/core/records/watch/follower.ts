/** Follows the log of one replica, page after page, for as long as it is wanted. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Random } from '../../random/index.ts';
import type { ChangeBody } from '../format/wire.ts';
import type { LogRange } from './log.ts';
import type { FollowAnswer, FollowInput } from './source.ts';

type Asked = Omit<FollowInput, 'epoch' | 'placement'>;

/** The log of a replica does not reach back to where it was followed from, or is another one. */
export class Compacted extends Error {
  override readonly name = 'Compacted';
}

export interface Progress {
  readonly store: string;
  readonly position: number;
}

export interface FollowerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly ask: (
    peerId: PeerId,
    input: Asked,
    timeoutMs: number,
    signal: AbortSignal,
  ) => Promise<FollowAnswer>;
}

export interface FollowerInput {
  readonly peerId: PeerId;
  readonly range: LogRange;
  /** Undefined: from the beginning. */
  readonly from: Progress | undefined;
  /** Before each question; held until its answer was taken over. `isBehind`: a whole page is to be reckoned with. */
  readonly enter: (isBehind: boolean) => Promise<Disposable | undefined>;
  /** Resolves when the changes were taken over; a failure lets the page be asked for again. */
  readonly onPage: (changes: readonly ChangeBody[]) => Promise<void>;
  /** After each page: everything up to there was taken over. */
  readonly onProgress: (progress: Progress, caughtUp: boolean) => void;
}

/** How long a replica waits for a commit before it says that there was none. */
const WAIT_MS = 15_000;
const ANSWER_MS = 5_000;
const LEAST_PAUSE_MS = 100;
const MOST_PAUSE_MS = 2_000;

/** @throws Compacted, and the signal's reason */
export async function follow(
  { clock, random, log, ask }: FollowerDeps,
  { peerId, range, from, enter, onPage, onProgress }: FollowerInput,
  signal: AbortSignal,
): Promise<never> {
  let at: NonNullable<Asked['from']> = { store: null, position: 0, ...from, floor: 0 };
  let caughtUp = false;
  let failures = 0;
  for (;;) {
    try {
      using _entered = await enter(!caughtUp);
      signal.throwIfAborted();
      const waitMs = caughtUp ? WAIT_MS : 0;
      const answer = await ask(peerId, { ...range, from: at, waitMs }, waitMs + ANSWER_MS, signal);
      if (answer.compacted && at.store === null)
        // It has told nothing yet, so this is its own beginning again.
        throw new P2posError('PEER_PROTOCOL', {
          peerId,
          reason: 'its log does not reach back to its beginning',
        });
      if (answer.compacted || answer.position < at.position) throw new Compacted();
      await onPage(answer.changes);
      at = { store: answer.store, position: answer.position, floor: answer.floor };
      caughtUp = !answer.more;
      onProgress({ store: answer.store, position: answer.position }, caughtUp);
      failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Compacted) throw error;
      if (!isP2posError(error)) throw error;
      log.debug({ action: 'watch_follow', peerId, code: error.code }, 'a replica cannot be followed now');
      const most = Math.min(MOST_PAUSE_MS, LEAST_PAUSE_MS * 2 ** Math.min(failures++, 10));
      await sleep(clock, most * (0.5 + random.float() / 2), { signal });
    }
  }
}
