import { formatDuration } from '@p2pos/protocol';
import { withNode } from '../node-client.ts';
import type { Action } from '../program.ts';

const STYLE = { healthy: 'green', degraded: 'yellow', unconfigured: 'red' } as const;

export const showStatus: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const status = await withNode(invocation, ({ client }) => client.network.status({ signal }));
  if (options.json) {
    terminal.print(JSON.stringify(status));
    return undefined;
  }
  const { state, reason, name, peerId, systemId, members, online, connected, epoch, version, uptimeMs } =
    status;
  terminal.print(
    `${name ?? 'this node'} is ${terminal.paint(STYLE[state], state)}; ${online} of ${members} members online`,
  );
  if (reason !== undefined) terminal.print(reason);
  terminal.print(`system    ${systemId}`);
  terminal.print(`peer      ${peerId}`);
  terminal.print(`snapshot  ${epoch}`);
  terminal.print(`connected ${connected}`);
  terminal.print(
    `version   ${version}, up ${formatDuration(Math.max(1_000, Math.floor(uptimeMs / 1_000) * 1_000))}`,
  );
  return undefined;
};
