/** The bodies of the documents that carry authority (design: trust). All are deterministic CBOR maps. */

/** RFC 3339 UTC with nine digits of fraction, `2026-11-21T01:02:03.000000000Z`; so text order is time order. */
export type Timestamp = string;
/** `sys1` + base32 (lower case, no padding) of SHA-256 of the genesis body. */
export type SystemId = string;
/** Raw Ed25519 public key, 32 bytes. */
export type PublicKey = Uint8Array;
/** SHA-256 of a document's body bytes, 32 bytes. */
export type DocumentHash = Uint8Array;

export type Capability =
  | 'relay'
  | 'mailbox'
  | 'rendezvous'
  | 'storage'
  | 'sql'
  | 'compute'
  | 'seed'
  | 'gateway';
export type ScopeAction = 'add' | 'remove' | 'capabilities' | 'force';
/** `members:add`, or for one zone only `members:add@eu/berlin`. */
export type Scope = `members:${ScopeAction}` | `members:${ScopeAction}@${string}`;

export interface Genesis {
  readonly version: 1;
  readonly name: string;
  readonly createdAt: Timestamp;
  /** Systems are closed; `open` is refused until boards come. */
  readonly admission: 'closed';
  /** Shares of the records; a power of two, 4 096 by default. */
  readonly slots: number;
  readonly systemKeys: readonly PublicKey[];
  /** How many of them must sign: more than half. */
  readonly threshold: number;
  readonly releaseKeys: readonly PublicKey[];
  readonly releaseThreshold: number;
}

export interface KeyRotation {
  /** Previous version + 1; genesis counts as version 1. */
  readonly version: number;
  readonly systemId: SystemId;
  readonly createdAt: Timestamp;
  /** Hash of the genesis or rotation that this one follows. */
  readonly previous: DocumentHash;
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
  /** Hashes of the admin proofs that stay valid; all others end with this rotation. */
  readonly keptProofs: readonly DocumentHash[];
  /** Hashes of the older keys' revocations that stay in force; what those keys sign later takes nothing back. */
  readonly keptRevocations: readonly DocumentHash[];
}

export interface AdminProof {
  readonly version: 1;
  readonly systemId: SystemId;
  readonly role: 'admin';
  readonly adminPeerId: string;
  readonly scopes: readonly Scope[];
  readonly validFrom: Timestamp;
  readonly validTo: Timestamp;
  /** Never reused within a system; 32 lower-case hex digits. */
  readonly serial: string;
}

export interface Revocation {
  readonly version: 1;
  readonly systemId: SystemId;
  /** Grows with each; the content accumulates by union whatever the order. */
  readonly epoch: number;
  readonly createdAt: Timestamp;
  /** Revoked admin proofs; snapshots under one after `lastGoodSnapshot` (absent: all) are void. */
  readonly serials: readonly { readonly serial: string; readonly lastGoodSnapshot?: DocumentHash }[];
  /** Revoked nodes: void as members whatever a snapshot says. */
  readonly peerIds: readonly string[];
}

export interface Member {
  readonly peerId: string;
  /** Unique within the snapshot, 1–64 of `a–z 0–9 -`. */
  readonly name: string;
  readonly tier: 0 | 1 | 2 | 3;
  readonly capabilities: readonly Capability[];
  /** `region/site`, may be empty. */
  readonly zone: string;
  /** Leaving: holds what it has, is given nothing new. */
  readonly draining: boolean;
  /** After this the member has no rights; its place in placement and count stays. */
  readonly notAfter?: Timestamp;
  /** Where it may be reached at first contact; the address book knows better later. */
  readonly addresses: readonly string[];
}

export interface Snapshot {
  readonly version: 1;
  readonly systemId: SystemId;
  /** 1 for the first. */
  readonly epoch: number;
  /** Hash of the snapshot before, for the first one the genesis hash. */
  readonly previous: DocumentHash;
  /** Hashes of losing branches whose removals this snapshot has seen. */
  readonly merges: readonly DocumentHash[];
  readonly issuedAt: Timestamp;
  readonly issuerPeerId: string;
  /** Sorted by peerId, each once; each element is one member, so no two lists share bytes (T7). */
  readonly members: readonly Member[];
  /** Allows dropping a majority of a slot's replicas or of the members; needs the scope `members:force`. */
  readonly force: boolean;
  /** The issuer's proof: the exact bytes of the signed document. */
  readonly adminProof: Uint8Array;
}
