/**
 * Membership between nodes and over HTTP (P8, P9): documents are served to whoever asks, new ones go to every member at
 * once, a removed member is told first and then disconnected, and a node that is behind asks until it is not.
 *
 * @example
 * await using members = createMembers({ membership, rpc, net, clock, random, log });
 * presence.events.on('heartbeat:accepted', ({ heartbeat }) => members.noticeHeads(heartbeat.peerId, heartbeat.heads));
 * await members.push(signedSnapshot, { signal }); // { result: 'applied', held: 3, members: 5 }, or throws the refusal
 */
export { createMembersChecks } from './checks.ts';
export { createMembers, type Members, type MembersConfig, type MembersDeps } from './members.ts';
export { createMembersHandlers } from './routes.ts';
