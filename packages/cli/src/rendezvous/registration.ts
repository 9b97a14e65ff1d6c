import { duration, MAX_RENDEZVOUS_TTL_MS, MIN_RENDEZVOUS_TTL_MS } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';

const TTL = duration(MIN_RENDEZVOUS_TTL_MS, MAX_RENDEZVOUS_TTL_MS);

export const register: Action = async (invocation, [namespace = '', name = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const ttl = TTL.safeDecode(flags['ttl'] as string);
  if (!ttl.success)
    throw usage(
      '--ttl is a duration from 10s to 24h.',
      'p2pctl rendezvous register NAMESPACE NAME --address HOST:PORT --ttl 10m',
    );
  const addresses = (flags['address'] as string[] | undefined) ?? [];
  const data = flags['data'] as string | undefined;
  const receipt = await withNode(invocation, ({ client }) =>
    client.rendezvous.register(namespace, name, {
      addresses,
      ...(data && { data }),
      ttlMs: ttl.data,
      signal,
    }),
  );
  if (options.json) terminal.print(JSON.stringify(receipt));
  else
    terminal.print(
      `${name} is registered in ${namespace} until ${receipt.expiresAt}, on ${receipt.members} rendezvous member(s) and ${receipt.nodes} node(s) of the hash table`,
    );
  return undefined;
};

export const withdraw: Action = async (invocation, [namespace = '', name = '']) => {
  const { terminal, options, signal } = invocation;
  const answer = await withNode(invocation, ({ client }) =>
    client.rendezvous.withdraw(namespace, name, { signal }),
  );
  if (options.json) terminal.print(JSON.stringify(answer));
  else
    terminal.print(
      answer.existed
        ? `${name} is no longer registered in ${namespace}`
        : `${name} was not registered through this node`,
    );
  return undefined;
};
