/** What the overview draws: the last five minutes as this page saw them. */
import { shallowRef } from 'vue';
import type { Measured } from '../../parts/chart.ts';
import type { System } from '../../system.ts';
import { texts } from '../../texts.ts';

const MAX_SAMPLES = 300;
const MAX_SERIES = 16;
/** The node's own counters are asked for every so many looks. */
const METRICS_EVERY = 5;

interface Sample {
  readonly at: number;
  readonly nodes: ReadonlyMap<
    string,
    { roundTrip: number | null; load: number | null; stored: number | null }
  >;
}

export interface Measurements {
  readonly roundTrip: Measured;
  readonly load: Measured;
  readonly stored: Measured;
  readonly requests: Measured;
}

const none: Measured = { times: [], series: [] };

export function useMeasurements({ source, nodes, onLook }: System) {
  const samples: Sample[] = [];
  const rates: { readonly at: number; readonly perSecond: number }[] = [];
  let before: { readonly at: number; readonly total: number } | undefined;
  let looks = 0;
  const measurements = shallowRef<Measurements>({
    roundTrip: none,
    load: none,
    stored: none,
    requests: none,
  });

  onLook(() => {
    const at = Date.now() / 1_000;
    samples.push({
      at,
      nodes: new Map(
        nodes.value.slice(0, MAX_SERIES).map(({ name, peer, look }) => [
          name,
          {
            roundTrip: look === 'offline' ? null : peer.roundTripMs,
            load: peer.load ?? null,
            stored: peer.disk ? peer.disk.usedBytes / 1_048_576 : null,
          },
        ]),
      ),
    });
    if (samples.length > MAX_SAMPLES) samples.shift();
    if (looks++ % METRICS_EVERY === 0) void count(at);
    measurements.value = {
      roundTrip: seriesOf('roundTrip'),
      load: seriesOf('load'),
      stored: seriesOf('stored'),
      requests: {
        times: rates.map((rate) => rate.at),
        series: [{ label: texts.overview.node, values: rates.map(({ perSecond }) => perSecond) }],
      },
    };
  });

  async function count(at: number): Promise<void> {
    const text = await source.metrics().catch(() => '');
    if (text === '') return;
    const total = totalOf(text, 'p2pos_http_requests_total');
    if (before && total >= before.total) {
      rates.push({ at, perSecond: (total - before.total) / Math.max(1, at - before.at) });
      if (rates.length > MAX_SAMPLES) rates.shift();
    }
    before = { at, total };
  }

  function seriesOf(what: 'roundTrip' | 'load' | 'stored'): Measured {
    const labels = [...(samples.at(-1)?.nodes.keys() ?? [])];
    const series = labels.map((label) => ({
      label,
      values: samples.map((sample) => sample.nodes.get(label)?.[what] ?? null),
    }));
    return {
      times: samples.map(({ at }) => at),
      series: series.filter(({ values }) => values.some((value) => value !== null)),
    };
  }

  return measurements;
}

/** The sum over all labels of a counter in the text format of Prometheus. */
export function totalOf(text: string, name: string): number {
  let total = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name) || !/^[{ ]/.test(line.slice(name.length))) continue;
    total += Number(line.slice(line.lastIndexOf(' ') + 1)) || 0;
  }
  return total;
}
