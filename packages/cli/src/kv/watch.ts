import { Blob64 } from '@p2pos/protocol';
import type { KvWatchEvent } from '@p2pos/sdk';
import type { Action } from '../action.ts';
import { lastingOption } from '../lasting.ts';
import { withNode } from '../node-client.ts';
import type { Terminal } from '../terminal.ts';

const SHOWN_CHARACTERS = 200;

export const watchKeys: Action = async (invocation, [prefix = ''], flags) => {
  const { terminal, options } = invocation;
  const from = flags['from'] as string | undefined;
  using lasting = lastingOption(flags['for'], 'p2pctl kv watch --for 10s');
  let token = from;
  await withNode(invocation, async ({ client }) => {
    const signal = AbortSignal.any([invocation.signal, lasting.signal]);
    const wishes = { ...(from !== undefined && { from }), ...(flags['cas'] === true && { cas: true }) };
    for await (const event of client.kv.watch(prefix, { signal, ...wishes })) {
      if (event.type === 'compacted') token = undefined;
      else token = event.token ?? token;
      if (options.json) terminal.print(jsonOf(event));
      else show(terminal, event);
    }
  });
  if (token !== undefined && !options.json) terminal.say(`go on with: --from ${token}`);
  return undefined;
};

function jsonOf(event: KvWatchEvent): string {
  if (event.type !== 'change') return JSON.stringify(event);
  const { value, text: _, ...fields } = event;
  return JSON.stringify({ ...fields, ...(value && { value: Blob64.encode(value) }) });
}

function show(terminal: Terminal, event: KvWatchEvent): void {
  if (event.type === 'compacted') {
    terminal.say('the log does not reach back so far: everything that is there follows');
  } else if (event.type === 'synced') {
    terminal.say('up to date; changes follow as they are made');
  } else if (event.deleted) {
    terminal.print(`${terminal.paint('red', '-')} ${event.key}`);
  } else {
    const text = JSON.stringify(event.text());
    const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
    terminal.print(`${terminal.paint('green', '+')} ${event.key} ${terminal.paint('dim', shown)}`);
  }
}
