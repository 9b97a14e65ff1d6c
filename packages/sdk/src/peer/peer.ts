/** One page as a peer: connects, verifies, keeps up, and hands documents over. */
import {
  type AdminProof,
  type Crypto,
  createDohResolver,
  deadline,
  dnsDomainIn,
  findAddresses,
  type Genesis,
  isP2posError,
  type Member,
  P2posError,
  type Snapshot,
  toHex,
} from '@p2pos/protocol';
import {
  type CarriedDocument,
  type Conflict,
  createPuller,
  type DocumentList,
  type Heads,
  MEMBERSHIP,
  MEMBERSHIP_PUSH,
} from '@p2pos/protocol/membership';
import { createRpc, type PeerId, PING, silentRpcLog } from '@p2pos/protocol/rpc';
import type { Client } from '../connect.ts';
import { RemoteError } from '../remote-error.ts';
import type { Transport } from '../transport.ts';
import { createHost, type HostConnection } from './host.ts';
import { createPageMesh } from './mesh.ts';
import { createPageClock, createPageCrypto } from './page-crypto.ts';
import { createPageMembership } from './page-membership.ts';
import { createPeerTransport, type PeerTransportOptions } from './peer-transport.ts';
import { readVerified, type VerifiedReadOptions, type VerifiedValue } from './verified-kv.ts';

export interface PeerOptions {
  /** `sys1…`, from an invitation or a person, never from the network. */
  readonly system: string;
  /** Multiaddrs over WebSockets that end in `/p2p/<peer id>`, or `/dnsaddr/<domain>`, which is asked over HTTPS. */
  readonly addresses: readonly string[];
  /** 32 bytes: this page's key, where a snapshot lists it as a member (tier 3). Default: a new one, a stranger's. */
  readonly identity?: { readonly seed: Uint8Array } | undefined;
  /** Lower-case hex of a snapshot that must be in force or before the one in force: from an invitation. */
  readonly anchor?: string | undefined;
  /** For `/dnsaddr/` addresses, e.g. `https://dns.example/dns-query`. */
  readonly dnsOverHttps?: string | undefined;
  /** Default 3. */
  readonly wantedConnections?: number;
  /** Between two looks whether a peer is there and knows more. Default 5 s. */
  readonly intervalMs?: number;
  /** For the first membership to be shown. Default 20 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly fetch?: typeof globalThis.fetch;
}

export interface PeerStatus {
  readonly systemId: string;
  readonly peerId: PeerId;
  /** Whether the snapshot in force lists this page. */
  readonly isMember: boolean;
  /** 0: no snapshot was shown yet. */
  readonly epoch: number;
  /** Of the snapshot in force, lower-case hex. */
  readonly hash: string;
  readonly members: number;
  readonly connections: readonly HostConnection[];
  /** Connected members that have shown what they hold: what is in force is the greatest of it. */
  readonly witnesses: readonly PeerId[];
}

/** What the verified documents say of the keys in office. */
export interface PeerTrust {
  readonly genesis: Genesis;
  /** 1: of the genesis. */
  readonly keysVersion: number;
  /** Lower-case hex. */
  readonly keys: readonly string[];
  readonly threshold: number;
  /** The document that two rotations follow. */
  readonly fork: string | undefined;
  readonly revocations: number;
  /** Of the admin who issued the snapshot in force. */
  readonly proof: AdminProof | undefined;
  readonly conflicts: readonly Conflict[];
}

export interface CallLimits {
  readonly signal?: AbortSignal | undefined;
  /** Default 10 s. */
  readonly timeoutMs?: number;
}

export interface Peer extends AsyncDisposable {
  readonly peerId: PeerId;
  readonly systemId: string;
  status(): PeerStatus;
  /** Of the snapshot in force, verified here; without those who were revoked. */
  members(): readonly Member[];
  snapshot(): { readonly body: Snapshot; readonly bytes: Uint8Array; readonly hash: string } | undefined;
  trust(): PeerTrust | undefined;
  /** The verified documents as they were received, oldest first. */
  documents(list: DocumentList): readonly CarriedDocument[];
  /** What a member says that it holds; our own without a name. */
  heads(peerId?: PeerId, options?: CallLimits): Promise<Heads>;
  /** The status now, and whenever connections or membership change. */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<PeerStatus>;
  /**
   * Hands a signed document to a member, which judges it, countersigns a snapshot and passes it on.
   *
   * @throws P2posError the refusal with its code; PEER_UNREACHABLE where no member is connected
   */
  push(
    kind: 'snapshot' | 'rotation' | 'revocation',
    bytes: Uint8Array,
    options?: CallLimits,
  ): Promise<'applied' | 'stale'>;
  /** `push('snapshot', …)` */
  pushSnapshot(bytes: Uint8Array, options?: CallLimits): Promise<'applied' | 'stale'>;
  /**
   * What is under the key, by the signatures of members that hold it: no single node can forge it. Undefined: the node that was
   * asked says that there is nothing, which cannot be proved.
   *
   * @throws P2posError RECEIPT_REFUSED for what does not verify
   */
  readKv(
    client: Pick<Client, 'call'>,
    key: string,
    options?: VerifiedReadOptions,
  ): Promise<VerifiedValue | undefined>;
  /** For `connect({ transport })`: the contract's calls, made by members with the capability `gateway`. */
  transport(options?: PeerTransportOptions): Transport;
}

const TIMEOUT_MS = 10_000;
const PUSH_TRIES = 3;

/** @throws P2posError JOIN_UNREACHABLE, JOIN_STALE, DNS_FAILED, TIMEOUT, and the signal's reason */
export async function connectPeer(options: PeerOptions): Promise<Peer> {
  const { system: systemId, wantedConnections = 3, intervalMs = 5_000, timeoutMs = 20_000 } = options;
  await using parts = new AsyncDisposableStack();
  const clock = createPageClock();
  const crypto: Crypto = createPageCrypto();
  using limit = deadline(clock, timeoutMs, {
    what: 'The members of the system',
    signal: options.signal,
  });
  const addresses = await resolve(options, limit.signal);
  const seed = options.identity?.seed ?? globalThis.crypto.getRandomValues(new Uint8Array(32));
  const host = parts.use(await createHost({ clock }, { seed }));
  const membership = createPageMembership(
    { crypto, clock },
    { systemId, anchor: options.anchor, onChange: () => host.changed.listener() },
  );
  const isMember = (peerId: PeerId) => membership.isActive(peerId);
  const rpc = parts.use(
    createRpc(
      { net: host, clock, log: silentRpcLog, random: { bytes: randomBytes } },
      { admit: (peerId) => isMember(peerId) },
    ),
  );
  rpc.serve(PING, { ping: async () => ({ at: clock.now() }) });
  const puller = createPuller({ membership, rpc, log: silentRpcLog });
  const mesh = parts.use(
    createPageMesh(
      { host, rpc, membership, puller, clock, random: Math.random },
      { addresses, wantedConnections, intervalMs },
    ),
  );
  await Promise.race([mesh.first, rejectOn(limit.signal)]);
  if (options.anchor !== undefined && !membership.holds(options.anchor))
    throw new P2posError('JOIN_STALE', { epoch: 0, found: membership.view().epoch });

  const isHere = (peerId: PeerId) => membership.view().members.has(peerId);
  /** Connected members, those that answer first. */
  function connectedMembers(): PeerId[] {
    const connected = [...new Set(host.connections().map(({ peerId }) => peerId))].filter(isHere);
    const answering = new Set(mesh.reachable());
    return connected.toSorted((a, b) => Number(answering.has(b)) - Number(answering.has(a)));
  }

  function status(): PeerStatus {
    const { epoch, hash, members } = membership.view();
    return {
      systemId,
      peerId: host.peerId,
      isMember: isMember(host.peerId),
      epoch,
      hash: toHex(hash),
      members: members.size,
      connections: host.connections(),
      witnesses: mesh.witnesses().filter(isHere),
    };
  }

  async function push(
    kind: 'snapshot' | 'rotation' | 'revocation',
    bytes: Uint8Array,
    { signal, timeoutMs: pushMs = TIMEOUT_MS }: CallLimits = {},
  ): Promise<'applied' | 'stale'> {
    let failure: unknown = new P2posError('PEER_UNREACHABLE', {
      peerId: systemId,
      reason: 'no member is connected',
    });
    // Handing a document over again does no harm.
    for (const peerId of connectedMembers().slice(0, PUSH_TRIES)) {
      try {
        const answer = await rpc.call(
          peerId,
          MEMBERSHIP_PUSH,
          'push',
          { kind, bytes },
          { timeoutMs: pushMs, signal },
        );
        if (answer.result === 'refused') throw refusal(answer);
        await puller.pull(peerId, signal ?? new AbortController().signal);
        return answer.result;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(isP2posError(error) && error.retry)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  const started = parts.move();
  const closed = new AbortController();
  return {
    peerId: host.peerId,
    systemId,
    status,
    members: () => [...membership.view().members.values()],
    snapshot() {
      const { snapshot: body, bytes, hash } = membership.view();
      return body && bytes && { body, bytes, hash: toHex(hash) };
    },
    trust() {
      const { held } = membership.status();
      if (!held) return undefined;
      const { documents, meaning } = held;
      const head = meaning.roots.links.at(-1);
      return {
        genesis: documents.genesis.body,
        keysVersion: head?.version ?? 1,
        keys: [...(head?.keys ?? [])],
        threshold: head?.threshold ?? 0,
        fork: meaning.roots.fork?.parent,
        revocations: membership.documents('revocations').length,
        proof: meaning.chain.at(-1)?.proof.body,
        conflicts: meaning.conflicts,
      };
    },
    documents: (list) => membership.documents(list),
    async heads(peerId, { signal, timeoutMs: headsMs = TIMEOUT_MS } = {}) {
      if (peerId === undefined) return membership.heads();
      return rpc.call(peerId, MEMBERSHIP, 'heads', {}, { timeoutMs: headsMs, signal });
    },
    async *changes({ signal } = {}) {
      const ended = signal ? AbortSignal.any([signal, closed.signal]) : closed.signal;
      const stop = rejectOn(ended).catch(() => {});
      while (!ended.aborted) {
        const next = mesh.change();
        yield status();
        await Promise.race([next, stop]);
      }
    },
    push,
    pushSnapshot: (bytes, limits) => push('snapshot', bytes, limits),
    readKv({ call }, key, readOptions) {
      const { epoch, members } = membership.view();
      const view = { systemId, epoch, members: [...members.values()] };
      return readVerified({ call, crypto, now: () => clock.now() }, view, key, readOptions);
    },
    transport: (init = {}) =>
      createPeerTransport(
        {
          rpc,
          systemId,
          gateways: () =>
            connectedMembers().filter((peerId) =>
              membership.view().members.get(peerId)?.capabilities.includes('gateway'),
            ),
        },
        init,
      ),
    async [Symbol.asyncDispose]() {
      closed.abort(new P2posError('CLIENT_CLOSED'));
      await started.disposeAsync();
    },
  };
}

async function resolve(
  { addresses, dnsOverHttps: url, fetch = globalThis.fetch.bind(globalThis) }: PeerOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const found = await Promise.all(
    addresses.map(async (address) => {
      const named = dnsDomainIn(address);
      if (!named) return [address];
      if (url === undefined) {
        const reason = 'a page asks DNS over HTTPS only: say where, in dnsOverHttps';
        throw new P2posError('DNS_FAILED', { name: named.domain, reason });
      }
      return findAddresses(createDohResolver({ fetch }, { url }), named.domain, {
        signal,
        peerId: named.peerId,
      });
    }),
  );
  return found.flat();
}

function refusal({
  code,
  reason,
}: {
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
}): P2posError {
  return new RemoteError({
    code: code ?? 'INTERNAL',
    message: reason ?? '',
    details: {},
    status: 409,
    requestId: undefined,
  });
}

const randomBytes = (length: number) => globalThis.crypto.getRandomValues(new Uint8Array(length));

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
