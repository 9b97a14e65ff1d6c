/** hyperdht: its own test network, its own search for the nodes closest to a key. */
// @ts-expect-error It has no types.
import createTestnet from 'hyperdht/testnet.js';
import type { Candidate } from './candidate.ts';

interface Query {
  readonly successes: number;
  readonly errors: number;
  finished(): Promise<void>;
}
interface HyperdhtNode {
  findNode(target: Uint8Array): Query;
}

export async function startHyperdht(count: number): Promise<Candidate> {
  const { nodes } = (await createTestnet(count)) as { readonly nodes: readonly HyperdhtNode[] };
  return {
    async lookup(index, target) {
      const query = nodes[index]?.findNode(Buffer.from(target));
      await query?.finished();
      return (query?.successes ?? 0) + (query?.errors ?? 0);
    },
  };
}
