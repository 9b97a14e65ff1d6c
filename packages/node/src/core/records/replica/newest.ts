/**
 * Records that were read lately, as the disk holds them: read and checked against their hashes once, not for every reader.
 * A write of a record takes it out of here before anybody learns of the write, so what is here is never older than what
 * this replica has confirmed.
 */
import type { Store } from '../../store/index.ts';
import { textOfName } from '../format/names.ts';
import type { RecordName, StoredRecord } from './stored.ts';

export interface Newest {
  find(name: RecordName): StoredRecord | undefined;
  /** Of before a read of the disk: what changed since is not kept. */
  generation(): number;
  keep(name: RecordName, record: StoredRecord, generation: number): void;
  /** These were written, whatever came of it. */
  changed(names: readonly RecordName[]): void;
  /** Forgets everything, and learns nothing until the answer is disposed of. */
  suspend(): Disposable;
}

/** Of the maps and objects around a record, roughly. */
const ENTRY_BYTES = 400;

interface Entry {
  readonly stored: StoredRecord;
  readonly bytes: number;
}

export function createNewest({ maxBytes }: { readonly maxBytes: number }): Newest {
  /** The longest unused first. */
  const entries = new Map<string, Entry>();
  let bytes = 0;
  let generation = 0;
  let suspended = 0;

  function remove(place: string): void {
    const entry = entries.get(place);
    if (!entry) return;
    entries.delete(place);
    bytes -= entry.bytes;
  }

  function clear(): void {
    generation++;
    entries.clear();
    bytes = 0;
  }

  return {
    find(name) {
      if (entries.size === 0) return undefined;
      const place = textOfName(name);
      const entry = entries.get(place);
      // Only when something will soon have to go is it worth knowing what was used last.
      if (entry && bytes > maxBytes / 2) {
        entries.delete(place);
        entries.set(place, entry);
      }
      return entry?.stored;
    },
    generation: () => generation,
    keep(name, stored, since) {
      const { header, value, proof } = stored.record;
      const size = header.length + (value?.length ?? 0) + proof.length + name.key.length + ENTRY_BYTES;
      if (suspended > 0 || since !== generation || size > maxBytes / 16) return;
      const place = textOfName(name);
      remove(place);
      entries.set(place, { stored, bytes: size });
      bytes += size;
      while (bytes > maxBytes) remove(entries.keys().next().value as string);
    },
    changed(names) {
      generation++;
      if (entries.size === 0) return;
      for (const name of names) remove(textOfName(name));
    },
    suspend() {
      suspended++;
      clear();
      return {
        [Symbol.dispose]() {
          suspended--;
          clear();
        },
      };
    },
  };
}

/** Statements that change rows of the table of records. */
const CHANGES_RECORDS = /\b(?:INTO|UPDATE|FROM)\s+records\b/i;

/** The store for all that writes beside the table: when it changes records, nothing that was read before holds. */
export function noticing(store: Store, newest: Newest): Store {
  const verdicts = new Map<string, boolean>();
  function changesRecords(sql: string): boolean {
    let verdict = verdicts.get(sql);
    if (verdict === undefined) {
      verdict = CHANGES_RECORDS.test(sql);
      if (verdicts.size >= 512) verdicts.clear();
      verdicts.set(sql, verdict);
    }
    return verdict;
  }
  return {
    storeId: store.storeId,
    migrate: (owner, migrations) => store.migrate(owner, migrations),
    read: (sql, params) => store.read(sql, params),
    async write(statements) {
      if (!statements.some(({ sql }) => changesRecords(sql))) return store.write(statements);
      using _pause = newest.suspend();
      return await store.write(statements);
    },
    position: () => store.position(),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
