/** Encoding and decoding of bodies as nodes exchange them: our CBOR beside cborg, in one process, one after the other. */
import { readFileSync } from 'node:fs';
import { decodeCanonical, decodeCbor, encodeCbor } from '@p2pos/protocol';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import type { BenchmarkOptions, BenchmarkReport } from '../report.ts';

const bodies = {
  'answer, 30 B': { durable: true, newest: true, position: 12_345 },
  'bytes, 259 B': new Uint8Array(256),
  'list of 50 keys, 0.7 KB': { keys: Array.from({ length: 50 }, () => new Uint8Array(12)), more: false },
  'record of 1 KiB': {
    namespace: 'default/kv',
    partition: new Uint8Array(20),
    key: new Uint8Array(20),
    value: new Uint8Array(1_024),
    version: '019aa3f1b2c40000-12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
    expiresAt: 1_763_686_800_000,
  },
};

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const series = Object.entries(bodies).flatMap(([name, body]) => {
    const bytes = encodeCbor(body);
    const make = (measure: string, candidate: string, work: () => unknown) => ({
      measure: `${measure}/s: ${name}`,
      candidate,
      work,
      values: [] as number[],
    });
    return [
      make('encoded', 'ours', () => encodeCbor(body)),
      make('encoded', 'cborg', () => encode(body, rfc8949EncodeOptions)),
      make('decoded', 'ours', () => decodeCbor(bytes)),
      make('decoded', 'cborg', () => decode(bytes)),
      make('decoded strictly', 'ours', () => decodeCanonical(bytes)),
      make('decoded strictly', 'cborg', () => strictWithCborg(bytes)),
    ];
  });
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
    for (const { work, values } of series) {
      const rate = perSecond(work, seconds / series.length);
      if (round > 0) values.push(rate);
    }
  }
  return { versions: versions(), baseline: 'cborg', series };
}

/** What signed documents need of it: its strict mode, encoded again and compared. */
function strictWithCborg(bytes: Uint8Array): unknown {
  const value = decode(bytes, { strict: true, rejectDuplicateMapKeys: true });
  if (!Buffer.from(bytes).equals(encode(value, rfc8949EncodeOptions))) throw new Error('another encoding');
  return value;
}

function perSecond(work: () => unknown, seconds: number): number {
  const start = performance.now();
  let count = 0;
  let elapsedMs = 0;
  while (elapsedMs < seconds * 1_000) {
    for (let index = 0; index < 500; index++) work();
    count += 500;
    elapsedMs = performance.now() - start;
  }
  return (count * 1_000) / elapsedMs;
}

function versions(): Record<string, string> {
  const file = new URL('../../packages/protocol/package.json', import.meta.url);
  const { dependencies } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly dependencies: Record<string, string>;
  };
  return { cborg: dependencies['cborg'] ?? 'unknown' };
}
