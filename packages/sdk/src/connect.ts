import { type Health, P2posError } from '@p2pos/protocol';
import { type AppsClient, type Audit, createAppsClient, createAudit } from './apps.ts';
import { type Call, type CallOptions, createCaller } from './caller.ts';
import type { Output } from './contract/operation.ts';
import { createHttpTransport } from './http-transport.ts';
import { createKvClient, type KvClient } from './kv.ts';
import { createMembersClient, type MembersClient } from './members.ts';
import { createNetworkClient, type NetworkClient } from './network.ts';
import { type Online, onlineFor, systemOnline } from './online.ts';
import { createPubsubClient, type PubsubClient } from './pubsub.ts';
import { createRendezvousClient, type RendezvousClient } from './rendezvous.ts';
import { oneByOne } from './socket/one-by-one.ts';
import { createSocketTransport, type SocketTransport } from './socket/socket-transport.ts';
import { createSubscribe, type Subscribe } from './socket/subscribe.ts';
import { createSqlClient, type SqlClient } from './sql.ts';
import { systemTiming, type Timing } from './timing.ts';
import { createTopicsClient, type TopicsClient } from './topics.ts';
import type { Transport } from './transport.ts';

export interface ConnectOptions {
  /** One node of the system, or several: the next is asked when one does not answer. */
  readonly url: string | readonly string[];
  /** `p2pos_…`; a page of the node itself has its session instead. */
  readonly token?: string | undefined;
  /** Only with the operator's token, which acts in `default` otherwise; a tenant's token names its app. */
  readonly app?: string | undefined;
  /** For each call, repeats included. Default 30 s. */
  readonly timeoutMs?: number;
  /**
   * At most, for one node to answer; in proportion more where a call is given more than `timeoutMs`. Default 10 s with several
   * nodes, else as long as the call. With several nodes what may be repeated waits no longer than half of the call's time for
   * one, so that another can still answer.
   */
  readonly attemptTimeoutMs?: number;
  /** Per call; 1 means never again. Default 4, and at least once at each node. */
  readonly maxAttempts?: number;
  /** `socket`: one WebSocket a node, and HTTP where none can be had. Default: that, given a token or a page's session. */
  readonly transport?: 'socket' | 'http';
  readonly fetch?: typeof globalThis.fetch;
  readonly WebSocket?: typeof globalThis.WebSocket;
  readonly timing?: Timing;
  /** Default: as the browser tells. Calls wait for a network until their deadline. */
  readonly online?: Online;
}

/** Over a transport of one's own, such as that of a peer (`@p2pos/sdk/peer`). It carries calls, no subscriptions. */
export interface ConnectOverOptions
  extends Omit<
    ConnectOptions,
    'url' | 'token' | 'app' | 'transport' | 'attemptTimeoutMs' | 'fetch' | 'WebSocket'
  > {
  readonly transport: Transport;
}

export interface Client extends AsyncDisposable {
  readonly kv: KvClient;
  readonly pubsub: PubsubClient;
  readonly topics: TopicsClient;
  readonly rendezvous: RendezvousClient;
  readonly apps: AppsClient;
  readonly audit: Audit;
  /** Whose token this client has and what it allows. */
  whoami(options?: CallOptions): Promise<Output<'apps.whoami'>>;
  /** A database by its name. */
  readonly sql: SqlClient;
  readonly network: NetworkClient;
  readonly members: MembersClient;
  /** Needs no token on the node's own machine. */
  health(options?: CallOptions): Promise<Health>;
  /** Any operation of the contract. */
  readonly call: Call;
  /** Any stream of the contract. */
  readonly subscribe: Subscribe;
  /** Takes no new calls and waits for those under way. */
  close(): Promise<void>;
}

/** Nothing is sent before the first call. Throws BAD_REQUEST for what is no address. */
export function connect(options: ConnectOptions | ConnectOverOptions): Client {
  const { timeoutMs = 30_000, timing = systemTiming } = options;
  const { urls, transport, links } = isOver(options) ? over(options) : direct(options, timing);
  const online = onlineFor(urls, options.online ?? systemOnline);
  const backoff = { baseDelayMs: 100, maxDelayMs: 2_000 };
  const attemptTimeoutMs = 'attemptTimeoutMs' in options ? options.attemptTimeoutMs : undefined;
  const send = createCaller(
    { transport, timing, online },
    {
      urls,
      timeoutMs,
      attemptTimeoutMs:
        attemptTimeoutMs ?? (urls.length > 1 || transport.choosesNode ? 10_000 : Number.POSITIVE_INFINITY),
      maxAttempts: options.maxAttempts ?? Math.max(4, urls.length),
      ...backoff,
    },
  );
  const running = new Set<Promise<unknown>>();
  let closed = false;

  const call: Call = (operation, input, callOptions) => {
    if (closed) return Promise.reject(new P2posError('CLIENT_CLOSED'));
    const answer = send(operation, input, callOptions);
    running.add(answer);
    const forget = () => void running.delete(answer);
    answer.then(forget, forget);
    return answer;
  };
  const ending = new AbortController();
  const batches = createSubscribe(
    { transport: links, timing, online, closed: ending.signal },
    { nodes: urls.length, ...backoff },
  );
  const subscribe: Subscribe = (...of) => oneByOne(batches(...of));
  const close = async () => {
    closed = true;
    ending.abort(new P2posError('CLIENT_CLOSED'));
    await Promise.allSettled(running);
    links.close();
    transport.close();
  };

  return {
    kv: createKvClient({ call, subscribe, timing, callTimeoutMs: timeoutMs }),
    apps: createAppsClient(call),
    audit: createAudit(call),
    whoami: (callOptions) => call('apps.whoami', {}, callOptions),
    pubsub: createPubsubClient({ call, subscribe: batches, timing }),
    topics: createTopicsClient({ call, subscribe: batches, timing }),
    sql: createSqlClient(call, subscribe),
    rendezvous: createRendezvousClient(call),
    network: createNetworkClient(call),
    members: createMembersClient(call),
    health: (callOptions) => call('health.read', {}, callOptions),
    call,
    subscribe,
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Ways {
  readonly urls: readonly string[];
  readonly transport: Transport;
  /** For subscriptions. */
  readonly links: Pick<SocketTransport, 'link' | 'close'>;
}

function direct(options: ConnectOptions, timing: Timing): Ways {
  const { token, app } = options;
  const urls = (typeof options.url === 'string' ? [options.url] : options.url).map(baseUrl);
  if (urls.length === 0)
    throw new P2posError('BAD_REQUEST', { reason: 'connect needs the address of a node.' });
  const http = createHttpTransport(
    { fetch: options.fetch ?? globalThis.fetch.bind(globalThis) },
    {
      urls,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...(app && { 'x-p2pos-app': app }) },
    },
  );
  const WebSocket = options.WebSocket ?? globalThis.WebSocket;
  const links = createSocketTransport({ WebSocket, timing, http }, { urls, token, app });
  const { transport = prefersSocket(options) ? 'socket' : 'http' } = options;
  return { urls, transport: transport === 'socket' ? links : http, links };
}

const isOver = (options: ConnectOptions | ConnectOverOptions): options is ConnectOverOptions =>
  typeof options.transport === 'object';

function over({ transport }: ConnectOverOptions): Ways {
  const links = {
    async link() {
      const reason = 'This client has no subscriptions: give connect the HTTP address of a node for them.';
      throw new P2posError('BAD_REQUEST', { reason });
    },
    close() {},
  };
  return { urls: ['p2pos:'], transport, links };
}

/** Without a token only a page has a way to say who it is; who brings a fetch of its own wants it used. */
function prefersSocket({ token, fetch, WebSocket = globalThis.WebSocket }: ConnectOptions): boolean {
  const known = token !== undefined || typeof globalThis.document !== 'undefined';
  return known && fetch === undefined && typeof WebSocket === 'function';
}

function baseUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:')
    return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  throw new P2posError('BAD_REQUEST', { reason: `${text} is no http:// or https:// address.` });
}
