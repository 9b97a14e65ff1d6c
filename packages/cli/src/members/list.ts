import type { Action } from '../action.ts';
import { withNode } from '../node-client.ts';
import { renderTable } from '../table.ts';

export const listMembers: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const list = await withNode(invocation, ({ client }) => client.members.list({ signal }));
  if (options.json) {
    terminal.print(JSON.stringify(list));
    return undefined;
  }
  terminal.print(`snapshot ${list.epoch} of ${list.systemId}, issued ${list.issuedAt ?? 'never'}`);
  const rows = list.members
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    .map(({ name, tier, zone, draining, capabilities, peerId }) => {
      return [name, String(tier), zone || '–', draining ? 'draining' : '', capabilities.join(','), peerId];
    });
  terminal.print(renderTable(['NAME', 'TIER', 'ZONE', '', 'CAPABILITIES', 'PEER ID'], rows));
  return undefined;
};
