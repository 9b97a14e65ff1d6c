/**
 * What each node says of itself, signed and gossiped: state, load, disk, store position, heads, addresses, version (P10).
 * Newest per peer by (incarnation, seq); kept in SQLite in batches (P12). Only members are heard, told, and passed on;
 * a copy, an older one, one more than 5 min off the corrected time or a forged one changes nothing.
 *
 * @example
 * await using presence = await createPresence({ rpc, net, membership, state, … }, { version: '0.1.0' });
 * presence.events.on('heartbeat:accepted', ({ heartbeat }) => members.noticeHeads(heartbeat.peerId, heartbeat.heads));
 * presence.reachability(peerId); // 'online' | 'suspect' | 'offline'
 */

export type { Heartbeat, Known, Presence, PresenceEvents, Reachability, Sighting } from './port.ts';
export { createPresence, type PresenceConfig, type PresenceDeps } from './presence.ts';
