/** Databases as a whole: brought to a schema, copied into a file, replaced by one. */
import { isP2posError, P2posError, type SqlMigration } from '@p2pos/protocol';
import type { CallOptions } from '../../core/rpc/index.ts';
import type { Catalogue, Entry } from './catalogue.ts';
import type { SqlDeps } from './deps.ts';
import type { Hosting } from './hosting.ts';
import { type MigrationOutcome, migrate } from './migrations.ts';
import type { Routing } from './routing.ts';
import { FILE_MS, led } from './serving.ts';
import { CHUNK_BYTES } from './transfer.ts';
import { SQL } from './wire.ts';

export interface FilesDeps extends Pick<SqlDeps, 'self' | 'rpc' | 'crypto' | 'clock' | 'random'> {
  readonly routing: Routing;
  readonly catalogue: Pick<Catalogue, 'find'>;
  readonly hosting: Pick<Hosting, 'engineOf'>;
}

interface Name {
  readonly app: string;
  readonly name: string;
}
interface Options {
  readonly signal?: AbortSignal | undefined;
}

export interface Files {
  migrate(
    input: Name & { readonly migrations: readonly SqlMigration[] },
    options?: Options,
  ): Promise<MigrationOutcome>;
  /** A SQLite file of everything, as of one moment. */
  backup(input: Name, options?: Options): Promise<Uint8Array>;
  /** Puts the file in the place of everything. @throws P2posError SQL_CONFIRM_NAME, SQL_REFUSED */
  restore(
    input: Name & { readonly confirm: string | undefined; readonly file: Uint8Array },
    options?: Options,
  ): Promise<void>;
}

/** Of an entry as it is given, whatever the catalogue says. */
export interface FilesOf {
  backupOf(entry: Entry, options: Options): Promise<Uint8Array>;
  restoreInto(entry: Entry, file: Uint8Array, options: Options): Promise<void>;
}

export function createFiles(deps: FilesDeps): Files & FilesOf {
  const { self, rpc, crypto, clock, random, routing, catalogue, hosting } = deps;
  const now = () => clock.now();

  /** The first holder that can be reached does all of it. */
  async function atOne<T>(entry: Entry, work: (peerId: string) => Promise<T>) {
    const peers = entry.holders.map(({ peerId }) => peerId);
    const ordered = [...peers.filter((peer) => peer === self), ...peers.filter((peer) => peer !== self)];
    for (const peerId of ordered) {
      try {
        return await work(peerId);
      } catch (error) {
        if (!isP2posError(error, 'PEER_UNREACHABLE')) throw error;
      }
    }
    throw new P2posError('SQL_HOLDER_UNREACHABLE', { database: entry.name, holders: peers.join(', ') });
  }

  function backupOf(entry: Entry, { signal }: Options): Promise<Uint8Array> {
    const { app, name, id } = entry;
    const target = { app, name, id };
    const call: CallOptions = { timeoutMs: FILE_MS, signal };
    return atOne(entry, async (peerId) => {
      if (peerId === self) return (await hosting.engineOf(target)).backup(call);
      const first = await rpc.call(peerId, SQL, 'backup', { ...target, offset: 0 }, call);
      const file = new Uint8Array(first.total);
      file.set(first.chunk);
      for (let offset = first.chunk.length; offset < first.total; ) {
        const piece = { ...target, ticket: first.ticket, offset };
        const { chunk } = await rpc.call(peerId, SQL, 'backup', piece, call);
        if (chunk.length === 0)
          throw new P2posError('PEER_PROTOCOL', { peerId, reason: 'a piece of a backup is empty' });
        file.set(chunk, offset);
        offset += chunk.length;
      }
      return file;
    });
  }

  function restoreInto(entry: Entry, file: Uint8Array, { signal }: Options): Promise<void> {
    const { app, name, id } = entry;
    const target = { app, name, id };
    const call: CallOptions = { timeoutMs: FILE_MS, signal };
    return atOne(entry, async (peerId) => {
      if (peerId === self) return (await hosting.engineOf(target)).restore(file, call);
      const ticket = Buffer.from(random.bytes(16)).toString('hex');
      for (let offset = 0; offset === 0 || offset < file.length; offset += CHUNK_BYTES) {
        const chunk = file.slice(offset, offset + CHUNK_BYTES);
        await rpc.call(
          peerId,
          SQL,
          'restore',
          { ...target, ticket, total: file.length, offset, chunk },
          call,
        );
      }
    });
  }

  return {
    async migrate({ migrations, ...name }, { signal } = {}) {
      const options = { timeoutMs: FILE_MS, signal };
      const here = async (engine: Awaited<ReturnType<Hosting['engineOf']>>) =>
        led(engine, await migrate({ engine, crypto, now }, migrations, options));
      const { applied, version } = await routing.call(
        name,
        'migrate',
        { migrations: [...migrations] },
        here,
        options,
      );
      return { applied, version };
    },

    backup: async (name, options = {}) => backupOf(await catalogue.find(name, options), options),
    async restore({ confirm, file, ...name }, options = {}) {
      if (confirm !== name.name) throw new P2posError('SQL_CONFIRM_NAME', { database: name.name });
      const entry = await catalogue.find(name, options);
      if (entry.next) throw new P2posError('SQL_MOVING', { database: name.name });
      await restoreInto(entry, file, options);
    },
    backupOf,
    restoreInto,
  };
}
