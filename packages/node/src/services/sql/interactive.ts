/** Transactions of several calls, from any node to the one that holds the database. */
import type { Crypto, SqlParams } from '@p2pos/protocol';
import type { PeerId } from '../../core/net/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Engine, StatementResult } from './engine.ts';
import { ROUTE_MS, type Routing } from './routing.ts';
import { checkParams, examine } from './statements/examination.ts';

interface Name {
  readonly app: string;
  readonly name: string;
}
interface Options {
  readonly signal?: AbortSignal | undefined;
}

export interface Transactions {
  /** Serializable; it ends by itself after a time. @throws P2posError SQL_BUSY, OVERLOADED */
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
  /**
   * What the statements did that were deferred to the commit, where there are such and it is known.
   *
   * @throws P2posError SQL_TRANSACTION_ENDED, SQL_CONFLICT
   */
  end(
    input: Name & { readonly transaction: string; readonly how: 'commit' | 'rollback' },
    options?: Options,
  ): Promise<StatementResult[] | undefined>;
}

export interface TransactionsDeps {
  readonly self: PeerId;
  readonly routing: Routing;
  readonly random: Pick<Random, 'bytes'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
}

/** With a mark of the node that keeps it, so that any node finds the way there. */
export function newTransaction(
  crypto: Pick<Crypto, 'sha256'>,
  random: Pick<Random, 'bytes'>,
  self: PeerId,
): string {
  return markOf(crypto, self) + Buffer.from(random.bytes(12)).toString('hex');
}

function markOf(crypto: Pick<Crypto, 'sha256'>, peerId: PeerId): string {
  return Buffer.from(crypto.sha256(new TextEncoder().encode(peerId)).subarray(0, 4)).toString('hex');
}

export function createTransactions(
  { self, routing, random, crypto }: TransactionsDeps,
  { statementTimeoutMs }: { readonly statementTimeoutMs: number },
): Transactions {
  const timeoutMs = statementTimeoutMs + ROUTE_MS;
  const homeOf = (transaction: string) => (peerId: PeerId) => transaction.startsWith(markOf(crypto, peerId));
  return {
    async begin(name, { signal } = {}) {
      const within = { timeoutMs: statementTimeoutMs, signal };
      const id = newTransaction(crypto, random, self);
      const here = async ({ interactive }: Engine) => ({
        transaction: id,
        ...(await interactive.begin(id, within)),
      });
      const { transaction, expiresInMs } = await routing.call(name, 'begin', {}, here, { timeoutMs, signal });
      return { transaction, expiresInMs };
    },
    async step({ app, name, transaction, sql, params = [] }, { signal } = {}) {
      const examined = examine(sql);
      checkParams(examined, params);
      const within = { timeoutMs: statementTimeoutMs, signal };
      const here = ({ interactive }: Engine) => interactive.step(transaction, { examined, params }, within);
      const input = { transaction, sql, params };
      const options = { timeoutMs, signal, home: homeOf(transaction) };
      return (await routing.call({ app, name }, 'step', input, here as never, options)) as StatementResult;
    },
    async end({ app, name, transaction, how }, { signal } = {}) {
      const within = { timeoutMs: statementTimeoutMs, signal };
      const here = async ({ interactive }: Engine) => {
        const results = await interactive.end(transaction, how, within);
        return { ...(results && { results }) };
      };
      const options = { timeoutMs, signal, home: homeOf(transaction) };
      const input = { transaction, how };
      const { results } = await routing.call({ app, name }, 'end', input, here as never, options);
      return results as StatementResult[] | undefined;
    },
  };
}
