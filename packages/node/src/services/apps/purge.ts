/** Deletes the records of an app: every member those that it is the first living replica of, so that each is deleted once. */
import type { PeerId } from '../../core/net/index.ts';
import type { CallOptions, RecordKey, Records } from '../../core/records/index.ts';

const PAGE = 128;

export interface PurgeDeps {
  readonly self: PeerId;
  readonly records: Pick<Records, 'held' | 'kindOf' | 'locate' | 'delete' | 'registers'>;
  readonly isAlive: (peerId: PeerId) => boolean;
}

/** @returns how many records were deleted */
export async function purgeRecords(
  { self, records, isAlive }: PurgeDeps,
  app: string,
  options: CallOptions,
): Promise<number> {
  let deleted = 0;
  for (let after = 0; ; ) {
    const page = await records.held(app, after, PAGE);
    const own = page.filter((name) => isFirst(name));
    await Promise.all(own.map(remove));
    deleted += own.length;
    options.signal?.throwIfAborted();
    const last = page.at(-1);
    if (!last || page.length < PAGE) return deleted;
    after = last.id;
  }

  function isFirst(name: RecordKey): boolean {
    if (records.kindOf(name.namespace) === undefined) return false;
    return records.locate(name).replicas.find((peerId) => peerId === self || isAlive(peerId)) === self;
  }

  async function remove({ namespace, partition, key }: RecordKey): Promise<void> {
    const name = { namespace, partition, key };
    if (records.kindOf(namespace) === 'cas')
      await records.registers.change({ ...name, value: null, condition: { kind: 'any' } }, options);
    else await records.delete(name, options);
  }
}
