/** Looks for what is wrong: each finding a sentence and the command to try. */
import { isP2posError } from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';
import { EXIT, type Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import type { Action } from '../program.ts';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly text: string;
  readonly try?: string;
}

const LOW_DISK_BYTES = 1_024 ** 3;

export const runDoctor: Action = async (invocation) => {
  const { terminal, options } = invocation;
  const findings = await withNode(invocation, ({ client, target }) =>
    examine(client, invocation, `${target.url} (${target.foundBy})`),
  );
  if (options.json) terminal.print(JSON.stringify({ findings }));
  else {
    for (const { ok, check, text, try: next } of findings) {
      terminal.print(`${terminal.paint(ok ? 'green' : 'red', ok ? 'ok   ' : 'wrong')} ${check}: ${text}`);
      if (next !== undefined) terminal.print(`      try: ${next}`);
    }
  }
  return findings.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
};

async function examine(client: Client, { signal }: Invocation, where: string): Promise<Finding[]> {
  const health = await client.health({ signal });
  const findings: Finding[] = [
    { check: 'door', ok: true, text: `the node at ${where} answers` },
    ...health.checks.map(({ name, status, detail }) => ({ check: name, ok: status === 'ok', text: detail })),
  ];
  try {
    const peers = await client.network.peers({ signal });
    const away = peers.filter((peer) => peer.member && peer.reachability !== 'online');
    findings.push({
      check: 'members',
      ok: away.length === 0,
      text:
        away.length === 0
          ? `all ${peers.filter(({ member }) => member).length} are online`
          : `${away.map(({ name, reachability }) => `${name} is ${reachability}`).join(', ')}`,
      ...(away.length > 0 && { try: 'p2pctl peers' }),
    });
    const full = peers.filter((peer) => peer.disk && peer.disk.freeBytes < LOW_DISK_BYTES);
    findings.push({
      check: 'disk',
      ok: full.length === 0,
      text:
        full.length === 0
          ? 'every node has room'
          : `less than 1 GiB is left on ${full.map(({ name, peerId }) => name ?? peerId).join(', ')}`,
      ...(full.length > 0 && { try: 'df -h' }),
    });
  } catch (error) {
    if (!isP2posError(error, 'AUTH_REQUIRED')) throw error;
    findings.push({
      check: 'token',
      ok: false,
      text: error.message,
      try: 'p2pctl doctor --url URL --token-file HOME/token',
    });
  }
  return findings;
}
