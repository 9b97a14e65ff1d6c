/**
 * Faults of the program itself, planted to see that the checkers find them: a line of the source is another one while it
 * runs. A line that is no longer there is an error, so that none of these tests becomes one that cannot fail.
 */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

interface Planted {
  /** Below packages/node/src/core/records. */
  readonly file: string;
  readonly lines: readonly (readonly [right: string, wrong: string])[];
}

export const PLANTED: Readonly<Record<string, Planted>> = {
  /** What waits for a replica that did not answer counts as if that replica had it. */
  'hint-counts': {
    file: 'coordinator/writer.ts',
    lines: [
      ['ticket.fail(round, peerId, error, ms);', "ticket.answer(round, peerId, { result: 'taken' }, ms);"],
    ],
  },
  /** Deletions are forgotten at once, whoever has not heard of them. */
  'tombstone-dropped-early': {
    file: 'repair/tombstones.ts',
    lines: [
      ['const ms = Math.floor(time - keepMs);', 'const ms = Math.floor(time);'],
      ['const peers = blocking(grave);', 'const peers: PeerId[] = [];'],
    ],
  },
  /** A disk that was lost, or is an old copy, counts like any. */
  'learner-votes': {
    file: 'repair/standing/standing.ts',
    lines: [
      ['if (contradicted && caught.has(nameOf(slot, count))) return true;', 'if (contradicted) return true;'],
      ['votesOn: (slot, count, ballotMs) => ballotMs > floor() && votes(slot, count),', 'votesOn: votes,'],
    ],
  },
  /** What the disk gives is believed. */
  'hashes-unchecked': {
    file: 'replica/store.ts',
    lines: [
      ['const fields = wholeFields(row);', 'const fields = decodeHeader(header);'],
      ['damaged: row.damaged !== 0 || !fields,', 'damaged: false && !wholeFields,'],
    ],
  },
};

const ROOT = new URL('../../packages/node/src/core/records/', pathToFileURL(`${import.meta.dirname}/`));

/** To be called before what it changes is loaded. */
export function plantFault(name: string): void {
  const planted = PLANTED[name];
  if (!planted)
    throw new Error(`there is no planted fault ${name}; there are ${Object.keys(PLANTED).join(', ')}`);
  const url = new URL(planted.file, ROOT).href;
  registerHooks({
    load(wanted, context, nextLoad) {
      const loaded = nextLoad(wanted, context);
      if (wanted !== url) return loaded;
      let source = String(loaded.source);
      for (const [right, wrong] of planted.lines) {
        if (!source.includes(right))
          throw new Error(`${planted.file} has no line ${right}: ${name} cannot be planted`);
        source = source.replace(right, wrong);
      }
      return { ...loaded, source };
    },
  });
}
