import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { KvReceipt, MAX_KV_VALUE_BYTES, P2posError } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { reasonOf, writeJsonFile } from '../json-file.ts';
import { withNode } from '../node-client.ts';
import { conditionOf } from './condition.ts';
import { sayExplanation, ttlOption } from './explanation.ts';

export const putValue: Action = async (invocation, [key = '', value], flags) => {
  const { terminal, options, signal, folder } = invocation;
  const ttlMs = ttlOption(flags['ttl']);
  const bytes = await valueFrom(invocation, value, flags['file']);
  const explain = flags['explain'] === true;
  const condition = conditionOf(flags);
  const receiptFile = flags['receipt'] as string | undefined;
  const wishes = {
    signal,
    ...(ttlMs !== undefined && { ttlMs }),
    ...(receiptFile !== undefined && { receipt: 'signed' as const }),
  };
  const receipt = await withNode(invocation, ({ client }) =>
    condition
      ? client.kv.cas.put(key, bytes, { ...wishes, ...condition })
      : client.kv.put(key, bytes, { ...wishes, ...(explain && { explain }) }),
  );
  if (receiptFile !== undefined) writeJsonFile(resolve(folder, receiptFile), KvReceipt.encode(receipt));
  if (options.json) terminal.print(JSON.stringify(KvReceipt.encode(receipt)));
  else {
    terminal.print(
      `stored ${key}: ${bytes.length} bytes on ${receipt.durable} nodes${condition ? `, version ${receipt.version}` : ''}`,
    );
    sayExplanation(terminal, receipt.explain);
  }
  return undefined;
};

async function valueFrom(
  { terminal, folder }: Invocation,
  value: string | undefined,
  file: unknown,
): Promise<Uint8Array> {
  if (typeof file === 'string' && value !== undefined)
    throw usage('Give either a value or --file.', 'p2pctl kv put KEY --file FILE');
  if (typeof file === 'string' && file !== '-') {
    const path = resolve(folder, file);
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new P2posError('FILE_UNREADABLE', { file: path, reason: reasonOf(cause) }, { cause });
    }
  }
  if (value !== undefined && value !== '-') return new TextEncoder().encode(value);
  if (terminal.isKeyboard) terminal.say('reading the value from the keyboard; end with Ctrl-D');
  return terminal.read(MAX_KV_VALUE_BYTES);
}
