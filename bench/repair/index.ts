/**
 * What it costs to keep replicas alike, at full size: three nodes with 100 000 records of 1 KiB in one process, on virtual
 * time, every byte between them counted. Seconds are of the machine, and of one core for all three nodes.
 */
import { createTestbed } from '../../packages/node/src/core/records/testing/testbed.ts';
import type { BenchmarkOptions, BenchmarkReport } from '../report.ts';

const RECORDS = 100_000;
const VALUE = new Uint8Array(1_024).fill(7);
const IDLE_MS = 600_000;

export async function run({ say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const sent = new Map<number, number>();
  await using bed = await createTestbed({
    nodes: 3,
    slots: 4_096,
    sent: (from, bytes) => sent.set(from, (sent.get(from) ?? 0) + bytes),
  });
  const total = () => [...sent.values()].reduce((sum, bytes) => sum + bytes, 0);
  const series: { measure: string; candidate: string; values: number[] }[] = [];
  const tell = (measure: string, value: number) => {
    series.push({ measure, candidate: 'p2pos', values: [value] });
    say(`${measure}: ${value}`);
  };
  async function put(from: number, to: number, index = 0): Promise<void> {
    for (let at = from; at < to; at += 250) {
      const some = Array.from({ length: Math.min(250, to - at) }, (_, i) => {
        const key = new TextEncoder().encode(`key ${at + i}`);
        return bed.node(index).records.put({ namespace: 'default/kv', partition: key, key, value: VALUE });
      });
      await bed.run(Promise.all(some));
    }
  }

  say(`writing ${RECORDS} records`);
  await put(0, RECORDS - 10);
  await bed.run(bed.node(0).records.repair.round(), 600_000);

  const quiet = total();
  await bed.clock.advance(IDLE_MS);
  tell('unchanged: bytes a second a node', (total() - quiet) / 3 / (IDLE_MS / 1_000));

  // Five that node 2 lacks, five that node 0 lacks.
  bed.partition([0, 1], [2]);
  await put(RECORDS - 10, RECORDS - 5);
  bed.partition([1, 2], [0]);
  await put(RECORDS - 5, RECORDS, 1);
  await bed.heal();
  const held = async (index: number) => {
    const [row] = await bed.node(index).store.read<{ n: number }>('SELECT count(*) AS n FROM records');
    return row?.n ?? 0;
  };
  const lacking = async () => 2 * RECORDS - (await held(0)) - (await held(2));
  const hints = async (index: number) =>
    (await bed.node(index).store.read('SELECT id FROM repair_hints')).length;
  // Hints would do the work that is measured here.
  for (const index of [0, 1]) await bed.node(index).store.write([{ sql: 'DELETE FROM repair_hints' }]);
  const lacked = await lacking();
  if (lacked !== 10) throw new Error(`they lack ${lacked} records, not 10`);
  const before = total();
  const startsAt = bed.clock.now();
  await bed.run(bed.node(0).records.repair.round(), 600_000);
  if ((await lacking()) !== 0) throw new Error('they differ after the round');
  say(`hints left: ${(await hints(0)) + (await hints(1))}; ${bed.clock.now() - startsAt} ms of virtual time`);
  tell('10 of 100 000 differ: KB in all to reconcile with both others', (total() - before) / 1_000);

  await bed.crash(2);
  bed.replaceDisk(2);
  const empty = total();
  const startedAt = performance.now();
  await bed.start(2);
  await bed.settleStanding(3_600_000);
  const seconds = (performance.now() - startedAt) / 1_000;
  const [row] = await bed
    .node(2)
    .store.read<{ n: number; bytes: number }>(
      'SELECT count(*) AS n, sum(length(header) + length(value) + length(proof)) AS bytes FROM records',
    );
  if (row?.n !== RECORDS) throw new Error(`${row?.n} of ${RECORDS} records came back`);
  tell('a lost disk: bytes sent for each that was missing', (total() - empty) / row.bytes);
  tell('a lost disk: seconds until it counts again', seconds);
  return { versions: {}, baseline: 'p2pos', series };
}
