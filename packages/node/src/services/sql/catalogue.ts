/** Which databases there are and who holds them: registers of the namespace `<app>/sql`, so all nodes agree. */
import {
  type Crypto,
  decodeCbor,
  encodeCbor,
  firstIssue,
  integerSchema,
  isP2posError,
  P2posError,
  peerIdSchema,
  SqlDatabaseName,
  SqlEngine,
  textSchema,
} from '@p2pos/protocol';
import { z } from 'zod';
import type { Clock } from '../../core/clock/index.ts';
import type { Records } from '../../core/records/index.ts';

const holderSchema = z.strictObject({
  peerId: peerIdSchema,
  /** Where its rqlited hears other voters; of `sqlite` there is none. */
  host: textSchema(255).optional(),
  port: integerSchema(1, 65_535).optional(),
  /** Took the place of another, so it joins those that are there. */
  joined: z.boolean().optional(),
  /** Has everything, and no vote. */
  reader: z.boolean().optional(),
});
export type Holder = z.output<typeof holderSchema>;

const ID = /^[0-9a-f]{32}$/;
/** What another engine would change. */
const keptSchema = z.strictObject({
  /** Of this very database: another made later under the same name has another. */
  id: z.string().regex(ID),
  engine: SqlEngine,
  holders: z.array(holderSchema).min(1).max(16),
  /** How many holders there shall be that have a vote. */
  wanted: integerSchema(1, 16),
  /** From which the voters derive what they prove themselves with to each other. */
  secret: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32).optional(),
});
const entrySchema = z.strictObject({
  format: z.literal(1),
  ...keptSchema.shape,
  createdAt: integerSchema(0),
  /** How many holders there shall be that have none. */
  readers: integerSchema(0, 8).optional(),
  /** Copies of itself that it makes. */
  backup: z.strictObject({ everyMs: integerSchema(1), keep: integerSchema(1, 1_000) }).optional(),
  /** What takes its place when everything is copied. */
  next: z.strictObject({ ...keptSchema.shape, since: integerSchema(0) }).optional(),
});

export interface Entry extends Omit<z.output<typeof entrySchema>, 'format'> {
  readonly app: string;
  readonly name: string;
}

/** The one that is being filled, as if it were there already. */
export function nextOf(entry: Entry): Entry | undefined {
  const { next, secret: _, ...bare } = entry;
  if (!next) return undefined;
  const { since: __, ...kept } = next;
  return { ...bare, ...kept };
}

/** With the version of the register that it was read from. */
export interface Found {
  readonly entry: Entry;
  readonly version: string;
}

export interface CatalogueDeps {
  readonly records: Pick<Records, 'declare' | 'registers'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

export interface CatalogueOptions {
  readonly signal?: AbortSignal | undefined;
}

interface Name {
  readonly app: string;
  readonly name: string;
}

export interface Catalogue {
  /** What was true at some moment of the last 10 s. @throws P2posError SQL_DATABASE_NOT_FOUND */
  find(name: Name, options?: CatalogueOptions): Promise<Entry>;
  /** What is true now. */
  read(name: Name, options?: CatalogueOptions): Promise<Found | undefined>;
  /** Asks again next time: what was found has turned out to be old. */
  forget(name: Name): void;
  /** False: there is one of that name already. */
  add(entry: Entry, options?: CatalogueOptions): Promise<boolean>;
  /** False: it has changed since. */
  replace(found: Found, entry: Entry, options?: CatalogueOptions): Promise<boolean>;
  remove(found: Found, options?: CatalogueOptions): Promise<boolean>;
  names(app: string, options?: CatalogueOptions): Promise<string[]>;
}

const TRUST_MS = 10_000;
const MAX_KNOWN = 10_000;
const PAGE = 1_000;
const MAX_ENTRY_BYTES = 8_192;
const utf8 = new TextEncoder();

export function createCatalogue(
  { records, clock }: CatalogueDeps,
  { replicas }: { readonly replicas: number },
): Catalogue {
  records.declare({
    suffix: '/sql',
    kind: 'cas',
    author: 'member',
    replicas,
    maxValueBytes: MAX_ENTRY_BYTES,
  });
  const { registers } = records;
  const known = new Map<string, { readonly entry: Entry; readonly until: number }>();

  async function read({ app, name }: Name, options?: CatalogueOptions): Promise<Found | undefined> {
    const found = await registers.read(keyOf({ app, name }), options);
    known.delete(idOf({ app, name }));
    if (!found) return undefined;
    const entry = decodeEntry(app, name, found.value);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(idOf({ app, name }), { entry, until: clock.monotonic() + TRUST_MS });
    return { entry, version: found.version };
  }

  /** False where the condition does not hold. */
  async function change(
    name: Name,
    value: Uint8Array | null,
    condition: Parameters<typeof registers.change>[0]['condition'],
    options?: CatalogueOptions,
  ): Promise<boolean> {
    known.delete(idOf(name));
    try {
      await registers.change({ ...keyOf(name), value, condition }, options);
      return true;
    } catch (error) {
      if (isP2posError(error, 'CAS_CONDITION_FAILED')) return false;
      throw error;
    }
  }

  return {
    read,
    async find(name, options) {
      const recent = known.get(idOf(name));
      if (recent && recent.until > clock.monotonic()) return recent.entry;
      const found = await read(name, options);
      if (!found) throw new P2posError('SQL_DATABASE_NOT_FOUND', { database: name.name });
      return found.entry;
    },
    forget: (name) => void known.delete(idOf(name)),
    add: (entry, options) => change(entry, encodeEntry(entry), { kind: 'absent' }, options),
    replace: ({ version }, entry, options) =>
      change(entry, encodeEntry(entry), { kind: 'version', version }, options),
    remove: ({ entry, version }, options) => change(entry, null, { kind: 'version', version }, options),
    async names(app, options) {
      const names: string[] = [];
      for (let after: Uint8Array | undefined; ; after = utf8.encode(names.at(-1))) {
        const range = {
          namespace: `${app}/sql`,
          prefix: new Uint8Array(0),
          limit: PAGE,
          ...(after && { after }),
        };
        const { keys, more } = await registers.scanAll(range, options);
        for (const key of keys) names.push(new TextDecoder().decode(key));
        if (!more) return names;
      }
    },
  };
}

function idOf({ app, name }: Name): string {
  return `${app}/${name}`;
}

/** @throws P2posError SQL_DATABASE_INVALID */
function keyOf({ app, name }: Name) {
  const checked = SqlDatabaseName.safeParse(name);
  if (!checked.success)
    throw new P2posError('SQL_DATABASE_INVALID', { name: 'database', reason: firstIssue(checked.error) });
  const key = utf8.encode(name);
  return { namespace: `${app}/sql`, partition: key, key };
}

function encodeEntry({ app: _, name: __, ...body }: Entry): Uint8Array {
  return encodeCbor({ format: 1, ...body });
}

function decodeEntry(app: string, name: string, bytes: Uint8Array): Entry {
  const result = entrySchema.safeParse(decodeCbor(bytes, { maxBytes: MAX_ENTRY_BYTES }));
  if (!result.success)
    throw new P2posError('RECORD_INVALID', {
      reason: `the entry of database ${name}: ${firstIssue(result.error)}`,
    });
  const { format: _, ...body } = result.data;
  return { app, name, ...body };
}

/** For a new database. */
export function newId(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): string {
  return Buffer.from(crypto.sha256(bytes).subarray(0, 16)).toString('hex');
}
