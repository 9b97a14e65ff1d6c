/**
 * What the page asks of a system, and nothing else: views know this interface, not how it is reached. One way in is the
 * door of the node that serves the page (`door.ts`); another speaks to the nodes themselves.
 */
import type {
  AuditList,
  DevNodes,
  Health,
  MemberList,
  membersRoutes,
  NetworkStatus,
  PeerStatus,
  RemovalLoss,
  RootStatus,
  RouteOutput,
} from '@p2pos/protocol';
import type { Client, DocumentListName } from '@p2pos/sdk';

/** Signed documents that a node takes. */
export type SubmittedKind = 'rotation' | 'revocation' | 'snapshot';
export type Pushed = Pick<RouteOutput<typeof membersRoutes.push>, 'result' | 'epoch' | 'hash'>;
export type NodeAnswer = RouteOutput<typeof membersRoutes.offer>;
export type AuditLine = AuditList['entries'][number];

export interface CarriedBytes {
  /** Lower-case hex. */
  readonly hash: string;
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

/** The processes of a development system, which can be killed and started. */
export interface DevControls {
  nodes(): Promise<DevNodes>;
  kill(name: string): Promise<unknown>;
  start(name: string): Promise<unknown>;
}

export interface Source {
  /** `door`: a node that serves the page. `peer`: the nodes themselves. `none`: no system at all. */
  readonly way: 'door' | 'peer' | 'none';
  /** How it is reached, in words. */
  readonly label: string;
  status(): Promise<NetworkStatus>;
  peers(): Promise<readonly PeerStatus[]>;
  members(): Promise<MemberList>;
  root(): Promise<RootStatus>;
  /** The signed snapshot in force. */
  snapshot(): Promise<Uint8Array>;
  /** All of them, the oldest first. */
  documents(list: DocumentListName): Promise<readonly CarriedBytes[]>;
  /** Entries after that number. */
  audit(after: number): Promise<readonly AuditLine[]>;
  loss(remove: readonly string[]): Promise<RemovalLoss>;
  submit(kind: SubmittedKind, bytes: Uint8Array): Promise<Pushed>;
  /** Hands the document to one member and tells what that one says. */
  offer(peerId: string, kind: SubmittedKind, bytes: Uint8Array): Promise<NodeAnswer>;
  invite(): Promise<string>;
  health(): Promise<Health>;
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
  /** What applications use; undefined where no node's door is at hand. */
  readonly client: Client | undefined;
  /** Undefined elsewhere than in a development system. */
  dev(): Promise<DevControls | undefined>;
  close(): Promise<void>;
}
