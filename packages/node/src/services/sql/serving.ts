/** What this node answers to others about the databases that it holds. What they send is examined again. */
import { type Crypto, P2posError, type SqlParams } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import type { Backups } from './backups.ts';
import type { Engine, Statement } from './engine.ts';
import type { Hosting } from './hosting.ts';
import { newTransaction } from './interactive.ts';
import { migrate } from './migrations.ts';
import { awaitMove } from './moves.ts';
import { statementMs } from './routing.ts';
import { statusHere } from './standing.ts';
import { checkParams, examine } from './statements/examination.ts';
import { createTransfers } from './transfer.ts';
import { SQL } from './wire.ts';

export interface ServeSqlDeps {
  readonly self: PeerId;
  readonly rpc: Pick<Rpc, 'serve'>;
  readonly hosting: Pick<Hosting, 'engineOf' | 'prepare' | 'look'>;
  readonly backups: Backups | undefined;
  readonly membership: Pick<Membership, 'isActive'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** For a whole database to be copied. */
export const FILE_MS = 120_000;

export function serveSql(
  { self, rpc, hosting, backups, membership, crypto, clock, random }: ServeSqlDeps,
  { statementTimeoutMs: timeoutMs }: { readonly statementTimeoutMs: number },
): Disposable {
  const transfers = createTransfers(clock);

  function admit(peerId: PeerId): void {
    if (!membership.isActive(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
  }
  function statementOf({ sql, params }: { readonly sql: string; readonly params: SqlParams }): Statement {
    const examined = examine(sql);
    checkParams(examined, params);
    return { examined, params };
  }

  return rpc.serve(SQL, {
    async query({ sql, params, consistency, ...target }, { peerId, signal, timeoutMs: callerMs }) {
      admit(peerId);
      const statement = statementOf({ sql, params });
      if (!statement.examined.reads) throw new P2posError('SQL_READ_ONLY');
      const engine = await hosting.engineOf(target);
      const within = { consistency, timeoutMs: statementMs(timeoutMs, callerMs), signal };
      return led(engine, await engine.query(statement, within));
    },
    async write({ statements, key, hash, ...target }, { peerId, signal }) {
      admit(peerId);
      const checked = statements.map(statementOf);
      const engine = await hosting.engineOf(target);
      return led(engine, {
        results: await engine.write({ statements: checked, key, hash }, { timeoutMs, signal }),
      });
    },
    async prepare({ app, name, id, engine }, { peerId }) {
      admit(peerId);
      return hosting.prepare({ app, name, id, engine });
    },
    async notice(target, { peerId }) {
      admit(peerId);
      await hosting.look(target);
      return {};
    },
    async migrate({ migrations, ...target }, { peerId, signal }) {
      admit(peerId);
      const engine = await hosting.engineOf(target);
      const now = () => clock.now();
      return led(engine, await migrate({ engine, crypto, now }, migrations, { timeoutMs, signal }));
    },
    async wait({ after, ...target }, { peerId, signal }) {
      admit(peerId);
      const engine = await hosting.engineOf(target);
      return led(engine, { index: await awaitMove({ engine, clock }, after, signal) });
    },
    async begin(target, { peerId, signal }) {
      admit(peerId);
      const { interactive } = await hosting.engineOf(target);
      const transaction = newTransaction(crypto, random, self);
      return { transaction, ...(await interactive.begin(transaction, { timeoutMs, signal })) };
    },
    async step({ transaction, sql, params, ...target }, { peerId, signal }) {
      admit(peerId);
      const checked = statementOf({ sql, params });
      const { interactive } = await hosting.engineOf(target);
      return interactive.step(transaction, checked, { timeoutMs, signal });
    },
    async end({ transaction, how, ...target }, { peerId, signal }) {
      admit(peerId);
      const { interactive } = await hosting.engineOf(target);
      const results = await interactive.end(transaction, how, { timeoutMs, signal });
      return { ...(results && { results }) };
    },
    async fence({ isUp, ...target }, { peerId, signal }) {
      admit(peerId);
      await (await hosting.engineOf(target)).fence(isUp, { timeoutMs, signal });
      return {};
    },
    async backup({ ticket: known, offset, ...target }, { peerId, signal }) {
      admit(peerId);
      const ticket = known ?? Buffer.from(random.bytes(16)).toString('hex');
      if (known === undefined) {
        const engine = await hosting.engineOf(target);
        transfers.offer(ticket, await engine.backup({ timeoutMs: FILE_MS, signal }));
      }
      return { ticket, ...transfers.piece(ticket, offset) };
    },
    async restore({ ticket, total, offset, chunk, ...target }, { peerId, signal }) {
      admit(peerId);
      const file = transfers.collect(`${peerId}/${ticket}`, total, offset, chunk);
      if (file) await (await hosting.engineOf(target)).restore(file, { timeoutMs: FILE_MS, signal });
      return {};
    },
    async recover(target, { peerId }) {
      admit(peerId);
      const { cluster } = await hosting.engineOf(target);
      if (!cluster) throw new P2posError('SQL_UNSUPPORTED', { reason: 'the database has a single holder' });
      await cluster.recover();
      return {};
    },
    async status(target, { peerId, signal }) {
      admit(peerId);
      return statusHere({ hosting, backups }, target, { timeoutMs, signal });
    },
  });
}

/** With whom to ask next time. */
export function led<T extends object>(engine: Pick<Engine, 'leader'>, output: T): T & { leader?: PeerId } {
  const leader = engine.leader();
  return leader === undefined ? output : { ...output, leader };
}
