/** Waiting until a database here is at another index. */
import type { Clock } from '../../core/clock/index.ts';
import { sleep } from '../../core/clock/index.ts';
import type { Engine } from './engine.ts';

/** Less than a caller's patience. */
export const WAIT_MS = 20_000;
const ASK_MS = 5_000;

/** The index, as soon as it is another than `after`; the same one when nothing moved for a while. */
export async function awaitMove(
  { engine, clock }: { readonly engine: Engine; readonly clock: Clock },
  after: number | null,
  signal: AbortSignal | undefined,
): Promise<number> {
  const read = async () => (await engine.status({ timeoutMs: ASK_MS, signal })).index ?? -1;
  const moved = new AbortController();
  using _ = engine.onChange(() => moved.abort());
  const index = await read();
  if (index !== after) return index;
  const either = signal ? AbortSignal.any([signal, moved.signal]) : moved.signal;
  await sleep(clock, WAIT_MS, { signal: either }).catch(() => {});
  signal?.throwIfAborted();
  return read();
}
