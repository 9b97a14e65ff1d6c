/** What this node knows of the system: itself, and each member by the newest observation that reached it. */
import { formatTimestamp, type NetworkStatus, type PeerStatus } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Liveness, NodeStateMonitor } from '../../core/liveness/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { Connection, Net, PeerId } from '../../core/net/index.ts';
import type { Presence } from '../../core/presence/index.ts';
import type { Reachability, ReachView } from '../../core/reach/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import { mergeViews, type View } from './cluster-view.ts';
import { STATUS } from './wire.ts';

export interface NetworkDeps {
  readonly rpc: Pick<Rpc, 'call'>;
  readonly net: Pick<Net, 'peerId' | 'addresses' | 'connections'>;
  readonly membership: Pick<Membership, 'systemId' | 'view' | 'isActive'>;
  readonly liveness: Pick<Liveness, 'pulse' | 'isAlive' | 'clockOffsetMs'>;
  readonly state: Pick<NodeStateMonitor, 'current' | 'members' | 'online'>;
  readonly presence: Pick<Presence, 'sighting' | 'ageMs' | 'reachability' | 'duplicate'>;
  /** How others reach this node; absent where there is nothing to say. */
  readonly reach?: Pick<Reachability, 'current'> | undefined;
  readonly clock: Clock;
}

export interface NetworkConfig {
  /** Of this software. */
  readonly version: string;
}

export interface ClusterView {
  readonly status: NetworkStatus;
  readonly peers: PeerStatus[];
  /** Members that were asked, and that answered in time. */
  readonly asked?: number | undefined;
  readonly answered?: number | undefined;
}

export interface Network {
  status(): NetworkStatus;
  /** Members by name, then other connected peers. */
  peers(): PeerStatus[];
  /** The same merged with what all connected members see. At most a second old; who does not answer in 2 s is left out. */
  cluster(): Promise<ClusterView>;
}

const ASK_TIMEOUT_MS = 2_000;
/** Members that are asked for one view. */
const MAX_ASKED = 256;
/** Many who ask at once share one round. */
const FRESH_MS = 1_000;

export function createNetwork(deps: NetworkDeps, { version }: NetworkConfig): Network {
  const { rpc, net, membership, liveness, state, presence, clock } = deps;
  const self = net.peerId;
  const startedAt = formatTimestamp(clock.now());
  const startedMonotonic = clock.monotonic();

  /** The connection that calls use first is the first listed. */
  function connections(): Map<PeerId, Connection> {
    const found = new Map<PeerId, Connection>();
    for (const connection of net.connections())
      if (!found.has(connection.peerId)) found.set(connection.peerId, connection);
    return found;
  }

  function reasonFor(current: NetworkStatus['state']): string | undefined {
    const twin = presence.duplicate();
    if (twin) return twin.message;
    if (current === 'unconfigured')
      return `This node is not in the membership. An admin adds it with: p2pctl members add ${self}`;
    if (current === 'degraded')
      return `Only ${state.online()} of ${state.members()} members answer; a majority is needed. See: p2pctl peers`;
    return undefined;
  }

  /** By the newer of its last answer to a ping and its last heartbeat. */
  function seenAgo(peerId: PeerId): number | undefined {
    const pulse = liveness.pulse(peerId);
    const agos = [pulse && clock.monotonic() - pulse.lastAnswerAt, presence.ageMs(peerId)];
    const known = agos.filter((ago) => ago !== undefined);
    return known.length === 0 ? undefined : Math.max(0, Math.round(Math.min(...known)));
  }

  function peerStatus(peerId: PeerId, connection: Connection | undefined): PeerStatus {
    const member = membership.view().members.get(peerId);
    const sighting = presence.sighting(peerId);
    const heartbeat = sighting?.heartbeat;
    const isSelf = peerId === self;
    const seenMsAgo = isSelf ? 0 : seenAgo(peerId);
    return {
      peerId,
      name: member?.name ?? null,
      member: member !== undefined,
      self: isSelf,
      reachability: isSelf ? 'online' : presence.reachability(peerId),
      state: isSelf ? state.current() : (heartbeat?.state ?? null),
      heardAt: sighting ? formatTimestamp(sighting.receivedAt) : null,
      ...(seenMsAgo !== undefined && { seenMsAgo }),
      connected: isSelf || connection !== undefined,
      roundTripMs: isSelf ? 0 : (liveness.pulse(peerId)?.roundTripMs ?? null),
      ...(connection && {
        transport: connection.transport,
        encryption: connection.encryption,
        direction: connection.direction,
        ...(connection.relayed === true && { relayed: true }),
      }),
      addresses: isSelf ? net.addresses() : [...(heartbeat?.addresses ?? member?.addresses ?? [])],
      ...(heartbeat && {
        incarnation: heartbeat.incarnation,
        seq: heartbeat.seq,
        version: heartbeat.version,
        epoch: heartbeat.heads.epoch,
        load: heartbeat.load,
        disk: heartbeat.disk,
      }),
      ...(member && {
        tier: member.tier,
        capabilities: [...member.capabilities],
        zone: member.zone,
        draining: member.draining,
      }),
    };
  }

  function status(): NetworkStatus {
    const view = membership.view();
    const current = state.current();
    const reason = reasonFor(current);
    const isMember = (peerId: PeerId) => view.members.has(peerId);
    const listed = [...view.members.keys()];
    return {
      systemId: membership.systemId,
      peerId: self,
      name: view.members.get(self)?.name ?? null,
      state: current,
      ...(reason !== undefined && { reason }),
      epoch: view.epoch,
      members: view.members.size,
      online: listed.filter((peerId) => peerId === self || presence.reachability(peerId) === 'online').length,
      connected: [...connections().keys()].filter(isMember).length,
      version,
      startedAt,
      uptimeMs: Math.round(clock.monotonic() - startedMonotonic),
      clockOffsetMs: liveness.clockOffsetMs(),
      addresses: net.addresses(),
      ...(deps.reach && { reach: reachOf(deps.reach.current()) }),
    };
  }

  function peers(): PeerStatus[] {
    const connected = connections();
    const { members } = membership.view();
    const ids = new Set([...members.keys(), self, ...connected.keys()]);
    const nameOf = (peer: PeerStatus) => peer.name ?? '\u{10ffff}';
    return [...ids]
      .map((peerId) => peerStatus(peerId, connected.get(peerId)))
      .sort((a, b) => nameOf(a).localeCompare(nameOf(b), 'en', { numeric: true }));
  }

  async function ask(observer: PeerId): Promise<View> {
    const answer = await rpc.call(observer, STATUS, 'view', { view: 'local' }, { timeoutMs: ASK_TIMEOUT_MS });
    return { observer, peers: answer.peers };
  }

  async function gather(): Promise<ClusterView> {
    const { members } = membership.view();
    const asked = membership.isActive(self)
      ? [...connections().keys()]
          .filter((peerId) => peerId !== self && members.has(peerId))
          .slice(0, MAX_ASKED)
      : [];
    const answers = await Promise.allSettled(asked.map(ask));
    const views = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
    const merged = mergeViews(peers(), views);
    const online = merged.filter((peer) => peer.member && peer.reachability === 'online').length;
    return { status: { ...status(), online }, peers: merged, asked: asked.length, answered: views.length };
  }

  let round: { readonly at: number; readonly view: Promise<ClusterView> } | undefined;
  return {
    status,
    peers,
    cluster() {
      const now = clock.monotonic();
      if (!round || now - round.at >= FRESH_MS) round = { at: now, view: gather() };
      return round.view;
    },
  };
}

function reachOf({ reach: view, relays, portMapping }: ReachView): NonNullable<NetworkStatus['reach']> {
  const { addresses, ...mapping } = portMapping;
  return { view, relays: [...relays], portMapping: { ...mapping, addresses: [...addresses] } };
}
