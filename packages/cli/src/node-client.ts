/** The client of the node that a command talks to; a node that cannot be reached is said so, with how it was found. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { type Client, connect } from '@p2pos/sdk';
import type { Invocation } from './invocation.ts';
import { findTarget, type Target } from './target.ts';

export interface Connected {
  readonly client: Client;
  readonly target: Target;
}

/** @throws P2posError NODE_NOT_CHOSEN, NODE_UNREACHABLE, and what `use` throws */
export async function withNode<T>(
  invocation: Invocation,
  use: (connected: Connected) => Promise<T>,
): Promise<T> {
  const target = findTarget(invocation);
  await using client = connect({
    url: target.url,
    token: target.token,
    app: invocation.options.app,
    maxAttempts: 2,
  });
  try {
    return await use({ client, target });
  } catch (error) {
    if (!isP2posError(error, 'NODE_UNREACHABLE')) throw error;
    const next = target.devHome === undefined ? 'p2pctl dev' : 'p2pctl dev start';
    throw new P2posError(
      'NODE_UNREACHABLE',
      { ...error.details, url: `${target.url} (${target.foundBy})`, next },
      { cause: error },
    );
  }
}
