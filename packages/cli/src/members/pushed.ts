import { copiesWanted } from '@p2pos/protocol';

/** What became of a document that a node took. */
export interface Pushed {
  readonly result: 'applied' | 'stale';
  /** In force there now. */
  readonly epoch: number;
  readonly hash: string;
  /** Members that are known to hold it, of so many. */
  readonly held: number;
  readonly members: number;
}

/** For the terminal: what is in force, and whether it outlives the node that took it. */
export function wordsOf({ epoch, held, members }: Pushed): string {
  const inForce = `snapshot ${epoch} is in force`;
  if (held >= copiesWanted(members)) return `${inForce}, held by ${held} of ${members} members at least`;
  return (
    `${inForce}, but so far only ${held} of ${members} members are known to hold it: should they lose their disks before ` +
    'others hear of it, it is gone. To keep it: p2pctl members snapshot > FILE'
  );
}
