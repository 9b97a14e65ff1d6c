export * from './apps.ts';
export * from './base64url.ts';
export * from './bytes.ts';
export * from './cbor.ts';
export * from './ceremony/armor.ts';
export * from './ceremony/request.ts';
export * from './ceremony/share.ts';
export * from './ceremony/transcript.ts';
export * from './config.ts';
export * from './contract.ts';
export * from './crypto.ts';
export * from './delivery.ts';
export * from './dev.ts';
export * from './dht.ts';
export * from './dns-message.ts';
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
export * from './documents/release-manifest.ts';
export * from './documents/revocation.ts';
export * from './documents/roots.ts';
export * from './documents/snapshot.ts';
export * from './errors.ts';
export * from './grants.ts';
export * from './health.ts';
export * from './hex.ts';
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
export * from './refusal.ts';
export * from './rendezvous.ts';
export * from './route.ts';
export * from './schema.ts';
export * from './session.ts';
export * from './socket.ts';
export * from './sql.ts';
export * from './sql-values.ts';
export * from './stream.ts';
export * from './system-id.ts';
export * from './time.ts';
export * from './topics.ts';
export * from './update.ts';
export * from './values.ts';
