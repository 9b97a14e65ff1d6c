/**
 * Key-value (D5): bytes under keys of up to 512 bytes, one namespace per app, replicated and durable as `core/records`
 * promises. A key is its own partition, so each lies on replicas of its own.
 *
 * @example
 * const kv = createKv({ records }, { maxValueBytes: 65_536 });
 * await kv.put({ app: 'default', key: 'a', value: new Uint8Array([1]), ttlMs: 60_000 });
 * (await kv.get({ app: 'default', key: 'a' })).found?.value; // Uint8Array [1]
 * await kv.list({ app: 'default', prefix: 'a' }); // { keys: ['a'], cursor: null, missingSlots: [] }
 */
export { createKv, type Kv, type KvConfig, type KvDeps } from './kv.ts';
export { createKvHandlers, createKvStreamHandlers } from './routes.ts';
