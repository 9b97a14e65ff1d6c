/**
 * Who belongs to a system, judged from signed documents alone: the rules by which a node and a page come to the same result,
 * whoever handed them the documents and in whatever order; and what peers say to each other about them. Pure but for the
 * puller; how a node stores documents is its `core/membership`.
 *
 * @example
 * const judge = createJudge({ systemId, crypto, examiner: createExaminer(crypto), replicasOf, now, isActive, snapshotOf });
 * const accepted = await judge({ kind: 'snapshot', bytes, countersignature, from }, held);
 * if (accepted) held = { documents: added(held?.documents, accepted), meaning: meaningOf(documents) };
 */
export * from './acceptance.ts';
export * from './branches.ts';
export * from './carried.ts';
export * from './changes.ts';
export * from './examination.ts';
export * from './holding.ts';
export * from './pulling.ts';
export * from './rules.ts';
export * from './standing.ts';
export * from './wire.ts';
