/** Looks for what is wrong: each finding a sentence and the command to try. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isP2posError } from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';
import { parse } from 'smol-toml';
import type { Action } from '../action.ts';
import { EXIT, type Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import { findTarget, type Target } from '../target.ts';
import { checkBootstrap } from './bootstrap.ts';
import { checkDns } from './dns.ts';
import { bad, type Finding, good, printFindings } from './finding.ts';
import { checkMessages } from './metrics.ts';
import { endpointOf, probeTcp } from './probe.ts';
import { checkSql } from './sql.ts';

const LOW_DISK_BYTES = 1_024 ** 3;
const METRICS_TIMEOUT_MS = 5_000;
/** What to do where the node's own check says what is wrong. */
const NEXT: Readonly<Record<string, string>> = {
  'admin-proof': 'p2pctl proof request --renew SERIAL',
  bootstrap: 'p2pctl doctor --home HOME',
  clock: 'timedatectl set-ntp true',
  majority: 'p2pctl peers',
  memory: 'p2pctl config show, and restart the node',
  membership: 'p2pctl members list',
  root: 'p2pctl system show',
  sql: 'p2pctl sql list',
  store: 'df -h',
};

interface Flags {
  readonly domain?: string;
  readonly dnsServer?: string;
}

export const runDoctor: Action = async (invocation, _args, flags) => {
  const target = findTarget(invocation);
  const findings = await withNode(invocation, ({ client }) =>
    examine(client, invocation, target, flags),
  ).catch(async (error: unknown) => {
    if (!isP2posError(error, 'NODE_UNREACHABLE') || target.home === undefined) throw error;
    return [
      bad('door', error.message, `p2pctl up --home ${target.home}`),
      ...(await examineHome(target.home)),
    ];
  });
  printFindings(invocation, findings);
  return findings.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
};

/** What can be seen while the node does not run. */
async function examineHome(home: string): Promise<Finding[]> {
  const text = tomlOf(home);
  if (typeof text === 'string') return [bad('config', text, `p2pctl config check --home ${home}`)];
  return [good('config', 'node.toml can be read; p2pctl config check judges it')];
}

async function examine(
  client: Client,
  invocation: Invocation,
  target: Target,
  flags: Flags,
): Promise<Finding[]> {
  const { signal } = invocation;
  const health = await client.health({ signal });
  const findings: Finding[] = [
    good('door', `the node at ${target.url} (${target.foundBy}) answers`),
    ...health.checks.map(({ name, status, detail }) =>
      status === 'ok' ? good(name, detail) : bad(name, detail, NEXT[name] ?? 'p2pctl status'),
    ),
  ];
  try {
    findings.push(...(await examineMembers(client, signal)));
    const { state, connected, members, peerId, addresses } = await client.network.status({ signal });
    const config = target.home === undefined ? {} : tomlOf(target.home);
    const initConnections = stringsIn(config, 'discovery', 'init_connections');
    if (target.home !== undefined) {
      findings.push(...(await checkBootstrap({ addresses: initConnections, connected, members, state })));
    }
    findings.push(...(await checkPorts(stringsIn(config, 'net', 'announce'))));
    if (flags.domain !== undefined) {
      const announced = stringsIn(config, 'net', 'announce');
      const plan = {
        domain: flags.domain,
        peerId,
        addresses: [...announced, ...addresses],
        server: flags.dnsServer,
      };
      findings.push(...(await checkDns(plan)));
    }
    findings.push(...(await checkReads(client, signal)));
    findings.push(...(await checkSql(client, signal)));
    findings.push(...checkMessages(await metricsText(target)));
  } catch (error) {
    if (!isP2posError(error, 'AUTH_REQUIRED')) throw error;
    findings.push(bad('token', error.message, 'p2pctl doctor --url URL --token-file HOME/token'));
  }
  return findings;
}

async function examineMembers(client: Client, signal: AbortSignal): Promise<Finding[]> {
  const peers = await client.network.peers({ signal });
  const away = peers.filter((peer) => peer.member && peer.reachability !== 'online');
  const full = peers.filter((peer) => peer.disk && peer.disk.freeBytes < LOW_DISK_BYTES);
  const versions = new Set(peers.flatMap(({ version }) => version ?? []));
  return [
    away.length === 0
      ? good('members', `all ${peers.filter(({ member }) => member).length} are online`)
      : bad(
          'members',
          away.map(({ name, reachability }) => `${name} is ${reachability}`).join(', '),
          'p2pctl peers',
        ),
    full.length === 0
      ? good('disk', 'every node has room')
      : bad(
          'disk',
          `less than 1 GiB is left on ${full.map(({ name, peerId }) => name ?? peerId).join(', ')}`,
          'df -h',
        ),
    versions.size <= 1
      ? good('versions', `all nodes run ${[...versions][0] ?? 'one version'}`)
      : bad('versions', `the nodes run ${[...versions].sort().join(', ')}`, 'p2pctl update status'),
  ];
}

/** What others are told of this node must lead to it. */
async function checkPorts(announced: readonly string[]): Promise<Finding[]> {
  const endpoints = announced.map(endpointOf).filter((endpoint) => endpoint?.transport === 'tcp');
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const { host, port, text } = endpoint as NonNullable<typeof endpoint>;
      const reach = await probeTcp(endpoint as NonNullable<typeof endpoint>);
      if (reach === 'open') return good('port', `${text} answers from here`);
      const why = {
        closed: `closed port: nothing listens on ${host}:${port}`,
        silent: `${host}:${port} does not answer, as behind a firewall`,
        unresolved: `wrong DNS: the name ${host} does not resolve`,
      }[reach];
      return bad(
        'port',
        `net.announce tells others ${text}, but ${why}`,
        'open or forward the port, or correct net.announce',
      );
    }),
  );
}

const PROBE_KEY = '_p2pos/doctor';

/** A quorum read: where it fails, statements and calls time out too, and the replicas that are silent are named. */
async function checkReads(client: Client, signal: AbortSignal): Promise<Finding[]> {
  try {
    await client.kv.get(PROBE_KEY, { signal, timeoutMs: 10_000 });
    return [good('reads', 'a majority of replicas answers a read')];
  } catch (error) {
    if (!isP2posError(error) || error.code === 'AUTH_REQUIRED') throw error;
    return [
      bad(
        'reads',
        `reads fail, so statements and calls time out (${error.code}): ${error.message}`,
        'p2pctl peers',
      ),
    ];
  }
}

async function metricsText({ url, token }: Target): Promise<string> {
  try {
    const response = await fetch(`${url}/metrics`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(METRICS_TIMEOUT_MS),
    });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}

/** A text is what is wrong with it. */
function tomlOf(home: string): Record<string, unknown> | string {
  try {
    return parse(readFileSync(join(home, 'node.toml'), 'utf8'));
  } catch (error) {
    return `${join(home, 'node.toml')}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
  }
}

function stringsIn(config: Record<string, unknown> | string, section: string, key: string): string[] {
  if (typeof config === 'string') return [];
  const table = config[section];
  if (typeof table !== 'object' || table === null) return [];
  const value = (table as Record<string, unknown>)[key];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
