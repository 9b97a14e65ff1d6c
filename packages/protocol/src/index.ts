export * from './admin-bundle.ts';
export * from './apps.ts';
export * from './ceremony/armor.ts';
export * from './ceremony/changes.ts';
export * from './ceremony/description.ts';
export * from './ceremony/founding.ts';
export * from './ceremony/pinned.ts';
export * from './ceremony/proof.ts';
export * from './ceremony/request.ts';
export * from './ceremony/share.ts';
export * from './ceremony/statement.ts';
export * from './ceremony/transcript.ts';
export * from './clock.ts';
export * from './config.ts';
export * from './contract/bounds.ts';
export * from './contract/codecs.ts';
export * from './contract/contract.ts';
export * from './contract/grants.ts';
export * from './contract/refusal.ts';
export * from './contract/route.ts';
export * from './contract/schema.ts';
export * from './contract/socket.ts';
export * from './contract/stream.ts';
export * from './contract/values.ts';
export * from './crypto.ts';
export * from './delivery.ts';
export * from './dev.ts';
export * from './dht.ts';
export * from './dns-lookup.ts';
export * from './dns-message.ts';
export * from './dns-over-https.ts';
export * from './dnsaddr.ts';
export * from './documents/admin-proof.ts';
export * from './documents/anchor.ts';
export * from './documents/bodies.ts';
export * from './documents/countersignature.ts';
export * from './documents/document.ts';
export {
  CAPABILITIES,
  capabilitySchema,
  MAX_KEYS,
  nameSchema,
  scopeSchema,
  titleSchema,
  zoneSchema,
} from './documents/fields.ts';
export * from './documents/genesis.ts';
export * from './documents/key-rotation.ts';
export * from './documents/key-statement.ts';
export * from './documents/next-snapshot.ts';
export * from './documents/release-manifest.ts';
export * from './documents/revocation.ts';
export * from './documents/roots.ts';
export * from './documents/snapshot.ts';
export * from './encoding/base64url.ts';
export * from './encoding/bytes.ts';
export * from './encoding/cbor.ts';
export * from './encoding/hex.ts';
export * from './errors/errors.ts';
export * from './health.ts';
export * from './invitation.ts';
export * from './kv.ts';
export * from './members.ts';
export * from './merkle.ts';
export * from './network.ts';
export * from './peer-id.ts';
export * from './pubsub.ts';
export * from './receipt.ts';
export * from './record-header.ts';
export * from './record-version.ts';
export * from './rendezvous.ts';
export * from './session.ts';
export * from './sql.ts';
export * from './sql-database.ts';
export {
  MAX_SQL_LENGTH,
  SqlMigration,
  SqlResult,
  SqlRowSet,
  SqlStatement,
} from './sql-statement.ts';
export { isSqlValue, SqlParams, SqlRowId, SqlRows, sqlParamsSchema, sqlRowsSchema } from './sql-values.ts';
export type { SqlValue } from './sql-wire.ts';
export * from './system-id.ts';
export * from './time.ts';
export * from './topics.ts';
export * from './update.ts';
