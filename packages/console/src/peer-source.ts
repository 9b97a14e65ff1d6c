/**
 * A system without any node's door: the page is a peer of the nodes, verifies what they show from the system id up, and hands
 * documents to them. What needs a node's own books (audit log, losses, applications' data) goes through members, with a token.
 */
import {
  decodeDocument,
  type Member,
  membersRoutes,
  networkRoutes,
  type PeerStatus,
  snapshotDocument,
  toBase64url,
  toHex,
} from '@p2pos/protocol';
import { type Client, connect } from '@p2pos/sdk';
import type { Peer } from '@p2pos/sdk/peer';
import { crypto } from './crypto.ts';
import type { Source } from './source.ts';
import { texts } from './texts.ts';

export interface PeerEntrance {
  readonly systemId: string;
  /** Multiaddrs over WebSockets, or `/dnsaddr/…`. */
  readonly addresses: readonly string[];
  /** `https://dns.example/dns-query`; only for `/dnsaddr/`. */
  readonly dnsOverHttps: string | undefined;
  /** `p2pos_…`; without it there are no data and no audit log. */
  readonly token: string | undefined;
}

/** More members than these are seen through others. */
const MAX_CONNECTIONS = 32;
/** What one member took reaches the others within moments. */
const MAX_LOOKS = 12;
const LOOK_EVERY_MS = 250;

export async function connectSource(entrance: PeerEntrance): Promise<Source> {
  const { connectPeer } = await import('@p2pos/sdk/peer');
  const { systemId: system, addresses, dnsOverHttps, token } = entrance;
  const peer = await connectPeer({
    system,
    addresses,
    ...(dnsOverHttps !== undefined && { dnsOverHttps }),
    wantedConnections: MAX_CONNECTIONS,
    intervalMs: 2_000,
  });
  const client = token === undefined ? undefined : connect({ transport: peer.transport({ token }) });
  return sourceOver(peer, client);
}

function sourceOver(peer: Peer, client: Client | undefined): Source {
  const startedAt = new Date().toISOString();
  const needed = (): Client => {
    if (!client) throw new Error(texts.noClient);
    return client;
  };
  const trust = () => {
    const found = peer.trust();
    if (!found) throw new Error(texts.asking);
    return found;
  };
  const snapshot = () => {
    const found = peer.snapshot();
    if (!found) throw new Error(texts.asking);
    return found;
  };
  return {
    way: 'peer',
    label: texts.entrance.label,
    client,
    async status() {
      const { systemId, peerId, epoch, members, connections } = peer.status();
      const connected = new Set(connections.map((one) => one.peerId)).size;
      return {
        systemId,
        peerId,
        name: null,
        state: connected * 2 > members ? 'healthy' : 'degraded',
        epoch,
        members,
        online: connected,
        connected,
        version: '–',
        startedAt,
        uptimeMs: Math.round(performance.now()),
        clockOffsetMs: 0,
        addresses: [],
      };
    },
    async peers() {
      const { connections, witnesses, epoch } = peer.status();
      // With a token a node tells what it measured; the membership itself is verified here all the same.
      const told = client ? (await client.call(networkRoutes.peers, {})).peers : [];
      return peer.members().map((member) => {
        const connection = connections.find(({ peerId }) => peerId === member.peerId);
        const seen = told.find(({ peerId }) => peerId === member.peerId);
        return peerOf(member, connection, witnesses.includes(member.peerId) ? epoch : undefined, seen);
      });
    },
    async members() {
      const { body, hash } = snapshot();
      const { systemId, epoch, issuedAt, issuerPeerId } = body;
      return { systemId, epoch, hash, issuedAt, issuerPeerId, members: peer.members().map(listed) };
    },
    async root() {
      const { genesis, proof, conflicts, fork, keys, ...rest } = trust();
      const documents = [...peer.documents('genesis'), ...peer.documents('rotations')];
      return {
        ...rest,
        systemId: peer.systemId,
        name: genesis.name,
        documents: documents.map(({ bytes }) => toBase64url(bytes)),
        keys: [...keys],
        fork: fork ?? null,
        proof: proof
          ? { serial: proof.serial, adminPeerId: proof.adminPeerId, validTo: proof.validTo }
          : null,
        conflicts: conflicts.map(({ refused, ...conflict }) => ({ ...conflict, refused: [...refused] })),
      };
    },
    snapshot: async () => snapshot().bytes,
    documents: async (list) => peer.documents(list),
    audit: async (after) => (await needed().call(membersRoutes.audit, { after, limit: 1_000 })).entries,
    loss: async (remove) => needed().call(membersRoutes.loss, { remove: remove.join(',') }),
    async submit(kind, bytes) {
      const result = await peer.push(kind, bytes);
      const { epoch, hash } = peer.status();
      return { result, epoch, hash };
    },
    // The first member that took it passes it on to all; each is asked what is in force with it now.
    async offer(peerId, kind, bytes) {
      const wanted =
        kind === 'snapshot' ? toHex(decodeDocument(snapshotDocument, bytes, crypto).hash) : undefined;
      for (let look = 1; ; look++) {
        const { epoch, snapshot: hash } = await peer.heads(peerId);
        if (wanted === undefined || hash === wanted || look === MAX_LOOKS)
          return { result: 'stale', epoch, hash };
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    },
    invite: async () => (await needed().network.invite()).text,
    async health() {
      const { connections, members } = peer.status();
      const connected = new Set(connections.map((one) => one.peerId)).size;
      const status = connected * 2 > members ? 'ok' : 'degraded';
      const detail = texts.entrance.connected(connected, members);
      return { status, checks: [{ name: texts.entrance.connections, status, detail }] };
    },
    metrics: async () => '',
    dev: async () => undefined,
    async close() {
      await client?.close();
      await peer[Symbol.asyncDispose]();
    },
  };
}

function listed({ capabilities, addresses, ...member }: Member) {
  return { ...member, capabilities: [...capabilities], addresses: [...addresses] };
}

function peerOf(
  member: Member,
  connection: { readonly address: string; readonly relayed: boolean } | undefined,
  epoch: number | undefined,
  seen: PeerStatus | undefined,
): PeerStatus {
  const { peerId, name, tier, capabilities, zone, draining, addresses } = member;
  return {
    ...(seen ?? { heardAt: null, roundTripMs: null, state: connection ? 'healthy' : null }),
    peerId,
    name,
    member: true,
    self: false,
    reachability: connection ? 'online' : 'offline',
    connected: connection !== undefined,
    ...(connection && { transport: 'ws', direction: 'outbound', relayed: connection.relayed }),
    ...(epoch !== undefined && { epoch }),
    addresses: [...addresses],
    tier,
    capabilities: [...capabilities],
    zone,
    draining,
  };
}
