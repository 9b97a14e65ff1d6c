/** What is left to do for a first node outside this machine, and what can be seen of it from here. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { formatTimestamp } from '@p2pos/protocol';
import { parse } from 'smol-toml';
import { systemClock } from '../clock.ts';
import { holderOf, isFree } from '../dev/ports.ts';
import { checkDns, dnsRecords } from '../doctor/dns.ts';
import { bad, type Finding, good, printFindings } from '../doctor/finding.ts';
import { endpointOf } from '../doctor/probe.ts';
import type { Invocation } from '../invocation.ts';

const DEFAULT_LISTEN = ['/ip4/0.0.0.0/tcp/4100', '/ip4/0.0.0.0/udp/4100/quic-v1', '/ip4/0.0.0.0/tcp/4102/ws'];

interface FirstNode {
  readonly home: string;
  readonly peerId: string;
  readonly domain: string | undefined;
}

export async function reportChecklist(invocation: Invocation, node: FirstNode): Promise<void> {
  const { terminal } = invocation;
  terminal.print('');
  terminal.print('checklist:');
  const config = parse(readFileSync(join(node.home, 'node.toml'), 'utf8'));
  const net = (config['net'] ?? {}) as { listen?: string[]; announce?: string[] };
  const announce = net.announce ?? [];
  const listen = net.listen ?? DEFAULT_LISTEN;
  if (node.domain !== undefined) {
    for (const record of dnsRecords({ domain: node.domain, peerId: node.peerId, addresses: announce }))
      terminal.print(`  ${record}`);
  }
  const findings = [
    ...(await examineDns(node, announce)),
    ...(await examinePorts(listen)),
    good(
      'certificate',
      'nodes prove their keys by themselves; browsers reach a node over plain ws only from pages that allow it',
    ),
    await examineClock(),
  ];
  printFindings({ ...invocation, options: {} }, findings);
}

async function examineDns({ domain, peerId }: FirstNode, announce: readonly string[]): Promise<Finding[]> {
  if (domain === undefined)
    return [good('dns', 'no domain was named (--domain); others need an address or an invitation')];
  return checkDns({ domain, peerId, addresses: announce });
}

async function examinePorts(listen: readonly string[]): Promise<Finding[]> {
  const ports = new Map<string, { port: number; transport: 'tcp' | 'udp' }>();
  for (const endpoint of listen.map(endpointOf)) {
    if (endpoint && endpoint.port !== 0) ports.set(`${endpoint.transport} ${endpoint.port}`, endpoint);
  }
  return Promise.all(
    [...ports].map(async ([name, { port, transport }]) => {
      if (await isFree(port, transport))
        return good('port', `${name} is free here; open it in firewall and router`);
      const holder = holderOf(port) ?? 'another process';
      return bad('port', `${name} is held by ${holder}`, `end that, or choose another with net.listen`);
    }),
  );
}

async function examineClock(): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)('timedatectl', [
      'show',
      '--property=NTPSynchronized',
      '--value',
    ]);
    if (stdout.trim() === 'yes') return good('clock', 'this machine keeps its clock by NTP');
    return bad('clock', 'this machine does not keep its clock by NTP', 'timedatectl set-ntp true');
  } catch {
    return good(
      'clock',
      `not known here whether it is kept by NTP; it says ${formatTimestamp(systemClock.now())}`,
    );
  }
}
