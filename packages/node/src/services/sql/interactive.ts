/** Transactions of several calls, from any node to the one that holds the database. */
import { P2posError, type SqlParams } from '@p2pos/protocol';
import type { Random } from '../../core/random/index.ts';
import type { Engine, EngineOptions, Interactive, StatementResult } from './engine.ts';
import type { Routing } from './routing.ts';
import { checkParams, examine } from './statements/examination.ts';

interface Name {
  readonly app: string;
  readonly name: string;
}
interface Options {
  readonly signal?: AbortSignal | undefined;
}

export interface Transactions {
  /** Serializable. Nobody else writes until it ends, which it does by itself. @throws P2posError SQL_BUSY, SQL_UNSUPPORTED */
  begin(
    input: Name,
    options?: Options,
  ): Promise<{ readonly transaction: string; readonly expiresInMs: number }>;
  /** @throws P2posError SQL_TRANSACTION_ENDED */
  step(
    input: Name & {
      readonly transaction: string;
      readonly sql: string;
      readonly params?: SqlParams | undefined;
    },
    options?: Options,
  ): Promise<StatementResult>;
  /** @throws P2posError SQL_TRANSACTION_ENDED */
  end(
    input: Name & { readonly transaction: string; readonly how: 'commit' | 'rollback' },
    options?: Options,
  ): Promise<void>;
}

const ROUTE_MS = 5_000;

/** @throws P2posError SQL_UNSUPPORTED */
export function interactiveOf({ interactive }: Engine): Interactive {
  if (interactive) return interactive;
  throw new P2posError('SQL_UNSUPPORTED', {
    reason: 'with rqlite a transaction is one call; send its statements together',
  });
}

export async function begin(engine: Engine, random: Random, options: EngineOptions) {
  const interactive = interactiveOf(engine);
  const transaction = Buffer.from(random.bytes(16)).toString('hex');
  return { transaction, ...(await interactive.begin(transaction, options)) };
}

export function createTransactions(
  { routing, random }: { readonly routing: Routing; readonly random: Random },
  { statementTimeoutMs }: { readonly statementTimeoutMs: number },
): Transactions {
  const timeoutMs = statementTimeoutMs + ROUTE_MS;
  return {
    async begin(name, { signal } = {}) {
      const here = (engine: Engine) => begin(engine, random, { timeoutMs: statementTimeoutMs, signal });
      const { transaction, expiresInMs } = await routing.call(name, 'begin', {}, here, { timeoutMs, signal });
      return { transaction, expiresInMs };
    },
    async step({ app, name, transaction, sql, params = [] }, { signal } = {}) {
      const examined = examine(sql);
      checkParams(examined, params);
      const here = (engine: Engine) => interactiveOf(engine).step(transaction, { examined, params });
      const input = { transaction, sql, params };
      return (await routing.call({ app, name }, 'step', input, here as never, {
        timeoutMs,
        signal,
      })) as StatementResult;
    },
    async end({ app, name, transaction, how }, { signal } = {}) {
      const here = async (engine: Engine) => {
        await interactiveOf(engine).end(transaction, how);
        return {};
      };
      await routing.call({ app, name }, 'end', { transaction, how }, here, { timeoutMs, signal });
    },
  };
}
