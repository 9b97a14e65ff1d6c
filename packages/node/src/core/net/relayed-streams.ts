/** Two streams joined by a relay: each reader's pace reaches the other side's writer, and so does the rate that the relay allows. */
import type { Stream } from '@libp2p/interface';
import type { Clock } from '../clock/index.ts';

export interface RelayedStreamsConfig {
  /** Told of all that crosses. */
  readonly carried: (bytes: number) => void;
  /** How long what follows these bytes has to wait, ms. */
  readonly waitMs: (bytes: number) => number;
}

type Ends = Pick<
  Stream,
  | 'abort'
  | 'addEventListener'
  | 'close'
  | 'pause'
  | 'readStatus'
  | 'resume'
  | 'send'
  | 'writableNeedsDrain'
  | 'writeBufferLength'
>;

export function joinStreams(
  deps: { readonly clock: Clock },
  a: Ends,
  b: Ends,
  config: RelayedStreamsConfig,
): void {
  forward(deps, a, b, config);
  forward(deps, b, a, config);
}

function forward(
  { clock }: { readonly clock: Clock },
  from: Ends,
  to: Ends,
  { carried, waitMs }: RelayedStreamsConfig,
): void {
  const fail = (error: Error) => {
    from.abort(error);
    to.abort(error);
  };
  /** By the rate. */
  let isHeld = false;
  const full = () => to.writableNeedsDrain || to.writeBufferLength > 0;
  const proceed = () => {
    if (from.readStatus === 'paused' && !isHeld && !full()) from.resume();
  };
  // The stream's own listener sends what it had queued first.
  to.addEventListener('drain', () => queueMicrotask(proceed));
  from.addEventListener('remoteCloseWrite', () => void to.close().catch(fail));
  from.addEventListener('close', ({ error }) => {
    if (error) to.abort(error);
    else to.close().catch(fail);
  });
  from.addEventListener('message', ({ data }) => {
    try {
      carried(data.byteLength);
      to.send(data);
      const delayMs = waitMs(data.byteLength);
      if (delayMs > 0 && !isHeld) {
        isHeld = true;
        clock.after(delayMs, () => {
          isHeld = false;
          proceed();
        });
      }
      if ((isHeld || full()) && from.readStatus === 'readable') from.pause();
    } catch (error) {
      fail(error as Error);
    }
  });
}
