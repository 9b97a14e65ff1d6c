/** Databases, statements, and queries that stay alive. */
import type { SqlDatabase, SqlSchema, SqlValue } from '@p2pos/protocol';
import { onScopeDispose, ref, shallowRef } from 'vue';
import type { System } from '../../system.ts';
import { createTask, wordsOf } from '../../task.ts';
import { texts } from '../../texts.ts';
import { since } from '../overview/key-panel.ts';

const t = texts.sql;
const MAX_ROWS = 500;
const READS = /^\s*(?:select|with|explain|values|pragma)\b/i;

export interface Grid {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

export function useWorkbench({ source: { client } }: System) {
  const databases = shallowRef<readonly SqlDatabase[]>([]);
  const database = ref('');
  const schema = shallowRef<SqlSchema>();
  const statement = ref('SELECT 1 AS one');
  const grid = shallowRef<Grid>();
  const index = ref<string>();
  const isLive = ref(false);
  const listing = createTask();
  const task = createTask();
  let following: AbortController | undefined;

  async function list(): Promise<void> {
    await listing.run(async () => {
      databases.value = (await client?.sql.list()) ?? [];
      if (!databases.value.some(({ name }) => name === database.value))
        database.value = databases.value[0]?.name ?? '';
      await describe();
      return undefined;
    });
  }

  async function describe(): Promise<void> {
    schema.value = database.value === '' ? undefined : await client?.sql(database.value).schema();
  }

  function stop(): void {
    following?.abort();
    following = undefined;
    isLive.value = false;
  }
  onScopeDispose(stop);

  async function follow(signal: AbortSignal): Promise<void> {
    const events = client?.sql(database.value).live(statement.value, { signal });
    if (!events) return;
    let rows: readonly (readonly SqlValue[])[] = [];
    let columns: readonly string[] = [];
    for await (const event of events) {
      if (event.type === 'change') {
        // Without a key a row is named by all its values, and one that changes goes and comes.
        const gone = new Set(event.removes.map(nameOf));
        rows = [...rows.filter((row) => !gone.has(nameOf(row))), ...event.upserts];
      } else ({ columns, rows } = event);
      index.value = String(event.index);
      grid.value = { columns, rows: rows.slice(0, MAX_ROWS) };
    }
  }

  return {
    databases,
    database,
    schema,
    statement,
    grid,
    index,
    isLive,
    listing,
    task,
    list,
    stop,
    choose: () => listing.latest(async () => void (await describe())),
    create: (name: string) =>
      listing.run(async () => {
        await client?.sql.create(name);
        databases.value = (await client?.sql.list()) ?? [];
        database.value = name;
        await describe();
        return t.created(name);
      }),
    run: () =>
      task.run(async () => {
        stop();
        const started = performance.now();
        const one = client?.sql(database.value);
        if (!one) return undefined;
        if (READS.test(statement.value)) {
          const { columns, rows } = await one.rows(statement.value);
          grid.value = { columns, rows: rows.slice(0, MAX_ROWS) };
          return t.rows(rows.length, since(started));
        }
        const { changes, returned } = await one.execute(statement.value);
        grid.value = returned;
        await describe();
        return t.changed(changes, since(started));
      }),
    live: () =>
      task.run(async () => {
        stop();
        following = new AbortController();
        isLive.value = true;
        const { signal } = following;
        follow(signal)
          .catch((error: unknown) => {
            if (!signal.aborted) Object.assign(task, { text: wordsOf(error), mood: 'bad' });
          })
          .finally(() => {
            if (following?.signal === signal) stop();
          });
        return t.following;
      }),
  };
}

function nameOf(row: readonly SqlValue[]): string {
  return row.map((value) => `${typeof value} ${cellText(value)}`).join('\0');
}

export function cellText(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return t.blob(value.length);
  return String(value);
}
