import { copiesWanted, type membersRoutes, type RouteOutput } from '@p2pos/protocol';

/** What became of a document that a node took. */
export type Pushed = RouteOutput<typeof membersRoutes.push>;

/** For the terminal: what is in force, and whether it outlives the node that took it. */
export function wordsOf({ epoch, held, members }: Pushed): string {
  const inForce = `snapshot ${epoch} is in force`;
  if (held === undefined || members === undefined) return inForce;
  if (held >= copiesWanted(members)) return `${inForce}, held by ${held} of ${members} members at least`;
  return (
    `${inForce}, but so far only ${held} of ${members} members are known to hold it: should they lose their disks before ` +
    'others hear of it, it is gone. To keep it: p2pctl members snapshot > FILE'
  );
}
