/** One proposal at a time per register: callers of one node wait for each other instead of duelling. */
import { P2posError } from '@p2pos/protocol';

export interface ProposalQueue {
  /** Runs `work` once all that came before it under the same name have ended. @throws P2posError OVERLOADED */
  run<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export function createProposalQueue({ maxWaiting }: { readonly maxWaiting: number }): ProposalQueue {
  const tails = new Map<string, Promise<unknown>>();
  let waiting = 0;
  return {
    async run(name, work) {
      if (waiting >= maxWaiting) throw new P2posError('OVERLOADED', { what: 'Changing registers' });
      waiting++;
      const before = tails.get(name);
      const own = (async () => {
        await before?.catch(() => {});
        return work();
      })();
      tails.set(name, own);
      try {
        return await own;
      } finally {
        waiting--;
        if (tails.get(name) === own) tails.delete(name);
      }
    },
  };
}
