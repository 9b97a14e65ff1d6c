import { P2posError } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import type { ExitCode, Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import { conditionOf } from './condition.ts';
import { sayExplanation } from './explanation.ts';

export const getValue: Action = async (invocation, [key = ''], flags) => {
  const { terminal, options, signal } = invocation;
  if (conditionOf(flags, ['consistency'])) return getAgreed(invocation, key);
  const explain = flags['explain'] === true;
  const consistency = flags['consistency'] as 'one' | 'quorum' | 'all' | undefined;
  const entry = await withNode(invocation, ({ client }) =>
    client.kv.get(key, { signal, ...(consistency && { consistency }), ...(explain && { explain }) }),
  );
  if (!entry) throw new P2posError('KV_KEY_NOT_FOUND', { key });
  if (options.json) {
    const { value, text: _, ...rest } = entry;
    terminal.print(JSON.stringify({ key, value: { $blob: Buffer.from(value).toString('base64') }, ...rest }));
    return undefined;
  }
  await terminal.write(entry.value);
  // A prompt should not stick to the value; a pipe gets the bytes as they are.
  if (terminal.columns !== undefined && entry.value.at(-1) !== 10) terminal.print('');
  sayExplanation(terminal, entry.explain);
  return undefined;
};

/** Of the keys that change only by agreement; the version goes to stderr, for --if-version. */
async function getAgreed(invocation: Invocation, key: string): Promise<ExitCode | undefined> {
  const { terminal, options, signal } = invocation;
  const entry = await withNode(invocation, ({ client }) => client.kv.cas.get(key, { signal }));
  if (!entry) throw new P2posError('KV_KEY_NOT_FOUND', { key });
  const { value, text: _, ...rest } = entry;
  if (options.json) {
    terminal.print(JSON.stringify({ key, value: { $blob: Buffer.from(value).toString('base64') }, ...rest }));
    return undefined;
  }
  await terminal.write(value);
  if (terminal.columns !== undefined && value.at(-1) !== 10) terminal.print('');
  terminal.say(`version ${entry.version}`);
  return undefined;
}
