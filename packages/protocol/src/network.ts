/** The contract of the network's view from one node: its own state and what it knows of the others. */
import { z } from 'zod';
import { defineRoutes, json, jsonBody } from './contract/route.ts';
import { MAX_INVITATION_ADDRESSES } from './invitation.ts';

export const NodeState = z.enum(['unconfigured', 'degraded', 'healthy']);

export const NetworkStatus = z.object({
  systemId: z.string(),
  /** Of the answering node, with its name in the snapshot; null while it is no member. */
  peerId: z.string(),
  name: z.string().nullable(),
  state: NodeState,
  /** Why it is not healthy, in words for an operator. */
  reason: z.string().optional(),
  epoch: z.int(),
  /** Members of the snapshot in force. */
  members: z.int(),
  /** Members that are online, this node included; by the view that was asked for. */
  online: z.int(),
  /** Connections to members. */
  connected: z.int(),
  version: z.string(),
  /** RFC 3339. */
  startedAt: z.string(),
  uptimeMs: z.int(),
  /** Median over members of their clocks minus this one. */
  clockOffsetMs: z.number(),
  addresses: z.array(z.string()),
  /** How others reach the answering node; absent in answers of others. */
  reach: z
    .object({
      view: z.enum(['public', 'private', 'unknown']),
      /** Peer ids of members that relay for it now. */
      relays: z.array(z.string()),
      /** What its router was asked by UPnP, and where it is reached by that. */
      portMapping: z.object({
        state: z.enum(['off', 'idle', 'none', 'mapped', 'failed']),
        router: z.string().optional(),
        addresses: z.array(z.string()),
        reason: z.string().optional(),
      }),
    })
    .optional(),
});
export type NetworkStatus = z.output<typeof NetworkStatus>;

export const PeerStatus = z.object({
  peerId: z.string(),
  /** As in the snapshot; null: not a member. */
  name: z.string().nullable(),
  member: z.boolean(),
  /** The answering node itself. */
  self: z.boolean(),
  reachability: z.enum(['online', 'suspect', 'offline']),
  /** What it last said of itself; null: never heard. */
  state: NodeState.nullable(),
  /** When its newest heartbeat was accepted, RFC 3339 by the clock of who accepted it; null: never heard. */
  heardAt: z.string().nullable(),
  /** Since its newest sign of life, an answered ping or an accepted heartbeat; absent: none is known. */
  seenMsAgo: z.int().optional(),
  /** Cluster view: the member that saw that sign of life; absent: the answering node. */
  observer: z.string().optional(),
  /** Of the newest heartbeat: the greater (incarnation, seq) is newer. */
  incarnation: z.int().optional(),
  seq: z.int().optional(),
  connected: z.boolean(),
  roundTripMs: z.number().nullable(),
  transport: z.string().optional(),
  encryption: z.string().optional(),
  direction: z.enum(['inbound', 'outbound']).optional(),
  /** The connection goes through another member. */
  relayed: z.boolean().optional(),
  addresses: z.array(z.string()),
  version: z.string().optional(),
  epoch: z.int().optional(),
  load: z.number().optional(),
  disk: z.object({ usedBytes: z.int(), freeBytes: z.int() }).optional(),
  tier: z.int().optional(),
  capabilities: z.array(z.string()).optional(),
  zone: z.string().optional(),
  draining: z.boolean().optional(),
});
export type PeerStatus = z.output<typeof PeerStatus>;

/** `local`: what the answering node saw itself. `cluster`: merged with what the other members saw, the newest counts. */
export const NetworkView = z.enum(['local', 'cluster'], { error: 'must be local or cluster' });
export type NetworkView = z.output<typeof NetworkView>;

export const NetworkPeers = z.object({
  peers: z.array(PeerStatus),
  /** Cluster view: members that were asked, and that answered in time. */
  asked: z.int().optional(),
  answered: z.int().optional(),
});
export type NetworkPeers = z.output<typeof NetworkPeers>;

const Address = z.string().min(1).max(256);

export const Connected = z.object({
  peerId: z.string(),
  /** False: a stranger; the connection is not kept up. */
  member: z.boolean(),
  address: z.string(),
  transport: z.string(),
  encryption: z.string(),
});
export type Connected = z.output<typeof Connected>;

/** For how long a peer stays away that was disconnected by hand. */
export const MAX_HOLD_MS = 86_400_000;

export const Disconnected = z.object({
  peerId: z.string(),
  /** Connections that were closed. */
  closed: z.int(),
  /** Until then this node neither dials it nor takes its connections, RFC 3339; null: no longer than now. */
  heldUntil: z.string().nullable(),
});
export type Disconnected = z.output<typeof Disconnected>;

export const InvitationText = z.object({
  /** `p2pos://join/…` */
  text: z.string(),
  systemId: z.string(),
  /** The least membership that a joiner takes. */
  epoch: z.int(),
  addresses: z.array(z.string()),
});
export type InvitationText = z.output<typeof InvitationText>;

export const networkRoutes = defineRoutes({
  status: {
    summary: 'The state of this node and how many members it sees.',
    method: 'GET',
    path: '/v1/network/status',
    grant: 'network:read',
    query: { view: NetworkView.optional() },
    output: json(NetworkStatus),
    errors: [],
  },
  peers: {
    summary: 'All members and connected peers as this node sees them, itself included.',
    method: 'GET',
    path: '/v1/network/peers',
    grant: 'network:read',
    query: { view: NetworkView.optional() },
    output: json(NetworkPeers),
    errors: [],
  },
  connect: {
    summary: 'Dials an address at once, whatever was tried before.',
    method: 'POST',
    path: '/v1/network/connect',
    grant: 'network:connect',
    body: jsonBody(z.strictObject({ address: Address }), 1_024),
    output: json(Connected),
    errors: ['ADDRESS_INVALID', 'PEER_UNREACHABLE'],
    repeatable: true,
  },
  disconnect: {
    summary: 'Closes all connections to a peer and keeps it away for a while.',
    method: 'POST',
    path: '/v1/network/disconnect',
    grant: 'network:connect',
    body: jsonBody(
      z.strictObject({
        /** A peer id, or an address that ends in one. */
        peer: Address,
        /** Default one minute; 0: it may come back at once. */
        holdMs: z.int().min(0).max(MAX_HOLD_MS).optional(),
      }),
      1_024,
    ),
    output: json(Disconnected),
    errors: ['PEER_ID_INVALID'],
    repeatable: true,
  },
  invite: {
    summary: 'An invitation, signed by this node: what another machine needs to find the system.',
    method: 'POST',
    path: '/v1/network/invitation',
    grant: 'network:invite',
    body: jsonBody(
      z.strictObject({
        /** Instead of those of this node and of members that it is connected to. */
        addresses: z.array(Address).min(1).max(MAX_INVITATION_ADDRESSES).optional(),
      }),
      4_096,
    ),
    output: json(InvitationText),
    errors: ['STATE_UNCONFIGURED', 'ADDRESS_INVALID'],
    repeatable: true,
  },
});
