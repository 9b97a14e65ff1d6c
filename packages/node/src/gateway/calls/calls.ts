/**
 * The one way of a call, by whichever door it came. Each step may refuse it, in this order, so that a refusal is the same at all:
 *
 *   1. form      the door: the size and shape of the message that carries it, and that there is such an operation
 *   2. identity  who asks
 *   3. grant     whether their token could allow it
 *   4. quota     what their app may still use; from here on it has cost them, also what turns out to be malformed
 *   5. place     among the calls in flight; who waits for a step above takes none
 *   6. input     a body that is still to be read, the schemas, then the grant for the name in it (`access/guard.ts`)
 *   7. method    until its answer, or until nobody waits for it any more
 *   8. record    metrics, the log of what failed inside, and the audit of what changes the system (`access/guard.ts`)
 *
 * Step 6 comes late because what arrives by HTTP is not read for strangers, nor without a share of the memory.
 */
import { type Grant, isP2posError, P2posError, type Route } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import { type Caller, charge, checkGrant } from '../access/caller.ts';
import type { Headroom } from '../access/tenants.ts';
import type { Admission } from './admission.ts';
import type { Observe } from './observation.ts';
import { RunningCall } from './running-call.ts';

export interface Asked<T> {
  readonly grant: Grant;
  /** Absent: the door's own. */
  readonly route?: Route | undefined;
  /** A promise where the token has yet to be looked up. */
  readonly caller: Caller | Promise<Caller>;
  /** How much of a body to reckon with. */
  readonly bodyBytes: number;
  /** Sees what the app has left, and may make it wait. */
  readonly charging?: (charged: Promise<Headroom | undefined>) => Promise<unknown>;
  /** Input, method, output. */
  readonly work: (context: RunningCall) => Promise<T>;
  /** The place is kept until this too. */
  readonly until?: Promise<void>;
}

export interface Calls {
  /** Before anything is known of it. Tell its `operation` as soon as that is known, and `finish` it once. */
  open(timeoutMs: number, requestId?: string): RunningCall;
  /** Steps 2 to 7. @throws P2posError what refuses it, and what the method throws; some at once, some as a rejection */
  run<T>(asked: Asked<T>, call: RunningCall): Promise<T>;
  /** The same, or the reason for which the call was given up, whichever comes first. */
  answer<T>(asked: Asked<T>, call: RunningCall): Promise<T>;
  /** Gives the call up when its time is over. */
  limit(call: RunningCall): Disposable;
  /** As the client is told; what failed inside goes to the log alone. */
  failure(cause: unknown, call: Pick<RunningCall, 'operation' | 'requestId'>): P2posError;
}

export interface CallsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly admission: Admission;
  readonly observe: Observe;
  readonly requestId: () => string;
}

export function createCalls({ clock, log, admission, observe, requestId }: CallsDeps): Calls {
  const monotonic = () => clock.monotonic();
  const made = { monotonic, observe, requestId };

  function enter<T>(asked: Asked<T>, call: RunningCall, caller: Caller): Promise<T> {
    call.caller = caller;
    checkGrant(caller.grants, asked.grant);
    // Most calls are the operator's, and these wait for nothing here.
    if (!caller.tenant) return work(asked, call);
    const charged = charge(caller, asked.route);
    return (asked.charging?.(charged) ?? charged).then(() => work(asked, call));
  }

  function work<T>(asked: Asked<T>, call: RunningCall): Promise<T> {
    if (call.reason) throw call.reason;
    const place = isExempt(asked) ? undefined : admission.enter(asked.bodyBytes);
    const leave = () => place?.[Symbol.dispose]();
    let done: Promise<T>;
    try {
      done = asked.work(call);
    } catch (error) {
      leave();
      throw error;
    }
    // A method that goes on after its deadline, and an answer that is not fetched, still take their place.
    const ended = asked.until ? Promise.allSettled([done, asked.until]) : done;
    ended.then(leave, leave);
    return done;
  }

  function run<T>(asked: Asked<T>, call: RunningCall): Promise<T> {
    const { caller } = asked;
    return caller instanceof Promise
      ? caller.then((one) => enter(asked, call, one))
      : enter(asked, call, caller);
  }

  return {
    run,
    open: (timeoutMs, id) =>
      new RunningCall(id === undefined ? made : { ...made, requestId: () => id }, timeoutMs),
    answer: (asked, call) =>
      new Promise((resolve, reject) => {
        call.onAbort = reject;
        // After it was given up, how it fails is not told any more.
        run(asked, call).then(resolve, (error) => reject(call.reason ?? error));
      }),
    limit: (call) =>
      clock.after(call.timeoutMs, () =>
        call.abort(new P2posError('TIMEOUT', { what: 'The node', timeoutMs: call.timeoutMs })),
      ),
    failure(cause, { operation, requestId: id }) {
      const error = publicError(cause, id);
      if (error.code === 'INTERNAL') {
        const fields = { action: 'call', operation, requestId: id, error: error.cause };
        log.error(fields, 'request failed inside the node');
      }
      return error;
    },
  };
}

/** Anything but a P2posError becomes INTERNAL: what it says is for the log, not for the client. */
export function publicError(error: unknown, requestId: string): P2posError {
  if (isP2posError(error) && error.code !== 'INTERNAL') return error;
  return new P2posError('INTERNAL', { requestId }, { cause: error });
}

/** What tells operators how the node is doing answers under load as well. */
function isExempt({ grant, route }: Asked<unknown>): boolean {
  return (grant === 'none' || grant === 'loopback') && !route?.body;
}
