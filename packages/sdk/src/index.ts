/**
 * The TypeScript client of P2POS, for Node and browsers.
 *
 * Promises: every failure is a P2posError with a code; a call ends by its deadline; what is repeated after a lost
 * answer is only what may be: reads, and writes under an idempotency key, which it sets by itself. Other nodes know that key
 * for `kv.cas` and `sql`; a plain key is written anew there (`repeat` of `put` and `delete` forbids it).
 *
 * @example
 * await using client = connect({ url: ['http://127.0.0.1:4180', 'http://127.0.0.1:4181'], token });
 * await client.kv.put('greeting', 'hello', { ttlMs: 60_000 });
 * const entry = await client.kv.get('greeting');
 * entry?.text(); // 'hello'
 */
export { P2posError } from '@p2pos/protocol';
export type { AppsClient, CreateTokenInput } from './apps.ts';
export type { Call, CallOptions, RepeatOptions } from './caller.ts';
export type { Client, ConnectOptions, ConnectOverOptions } from './connect.ts';
export { connect } from './connect.ts';
export type {
  DeleteOptions,
  KvClient,
  KvDeletion,
  KvEntry,
  KvHead,
  ListOptions,
  PageOptions,
  PutOptions,
  ReadOptions,
} from './kv.ts';
export type { KvWatchEvent, WatchOptions } from './kv-watch.ts';
export type { DocumentListName, MembersClient, SignedDocument } from './members.ts';
export type { NetworkClient } from './network.ts';
export type { Online } from './online.ts';
export type { PublishOptions, PubsubClient, PubsubEvent, PubsubOptions } from './pubsub.ts';
export { RemoteError } from './remote-error.ts';
export {
  type SqlAsked,
  type SqlClient,
  type SqlDatabaseClient,
  type SqlQueryOptions,
  type SqlRow,
  type SqlText,
  type SqlWriteOptions,
  sql,
} from './sql.ts';
export type { Timing } from './timing.ts';
export type {
  ConsumeOptions,
  FollowOptions,
  GroupMessage,
  TopicEvent,
  TopicMessage,
  TopicsClient,
} from './topics.ts';
export type { Transport } from './transport.ts';
