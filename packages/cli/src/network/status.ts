import { formatDuration, type NetworkStatus } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { withNode } from '../node-client.ts';

const STYLE = { healthy: 'green', degraded: 'yellow', unconfigured: 'red' } as const;

export const showStatus: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const status = await withNode(invocation, ({ client }) => client.network.status({ signal }));
  if (options.json) {
    terminal.print(JSON.stringify(status));
    return undefined;
  }
  const {
    state,
    reason,
    name,
    peerId,
    systemId,
    members,
    online,
    connected,
    epoch,
    version,
    uptimeMs,
    reach,
  } = status;
  terminal.print(
    `${name ?? 'this node'} is ${terminal.paint(STYLE[state], state)}; ${online} of ${members} members online`,
  );
  if (reason !== undefined) terminal.print(reason);
  terminal.print(`system    ${systemId}`);
  terminal.print(`peer      ${peerId}`);
  terminal.print(`snapshot  ${epoch}`);
  terminal.print(`connected ${connected}`);
  if (reach) for (const line of reachLines(reach)) terminal.print(line);
  terminal.print(
    `version   ${version}, up ${formatDuration(Math.max(1_000, Math.floor(uptimeMs / 1_000) * 1_000))}`,
  );
  return undefined;
};

/** Nothing where there is no router to speak of. */
function reachLines({ view, relays, portMapping }: NonNullable<NetworkStatus['reach']>): string[] {
  const { state, router, addresses, reason } = portMapping;
  const lines: string[] = [];
  if (view === 'private') {
    const how = relays.length === 0 ? 'no member relays for it' : `${relays.length} members relay for it`;
    lines.push(`reached   not directly; ${how}`);
  } else if (view === 'public') lines.push('reached   directly');
  if (state === 'mapped') lines.push(`router    ${router}: leads here at ${addresses.join(', ')}`);
  if (state === 'failed') lines.push(`router    ${router}: maps no port, ${reason}`);
  if (state === 'none') lines.push('router    none answers to UPnP');
  return lines;
}
