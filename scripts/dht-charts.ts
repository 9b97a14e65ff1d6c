/**
 * Draws what `npm run sim -- lookup` and `-- sybil` found: `node scripts/dht-charts.ts docs/dht-results.json` writes
 * `docs/dht-lookups.svg` and `docs/dht-liars.svg`. The file is a JSON array of what `--json` printed.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Run {
  readonly result: { readonly counts: Readonly<Record<string, number>> };
}

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [label: string, value: number])[];
}

const PANEL = { width: 330, height: 220, left: 46, right: 12, top: 34, bottom: 30 };
const COLOURS = ['#3367d6', '#c2410c', '#15803d', '#7c3aed'];

const [file = 'docs/dht-results.json'] = process.argv.slice(2);
const runs = (JSON.parse(readFileSync(file, 'utf8')) as readonly Run[]).map(({ result }) => result.counts);
const lookups = runs.filter((counts) => 'churn % an hour' in counts);
const liars = Object.assign({}, ...runs.filter((counts) => !('churn % an hour' in counts))) as Record<
  string,
  number
>;

writeFileSync(
  'docs/dht-lookups.svg',
  page([
    panel('messages a lookup', linesOf('messages a lookup')),
    panel('hops: p99, and the most that was allowed', [
      ...linesOf('hops p99'),
      { ...(linesOf('hops limit')[0] as Line), name: 'allowed', colour: '#888' },
    ]),
    panel('lookup ms, p50 (10–90 ms one way between nodes)', linesOf('lookup ms p50')),
    panel('lookup ms in the minute after 30 % died, p50', linesOf('after 30 % died: lookup ms p50')),
    panel('questions to a node: p99 over mean', linesOf('load p99/mean')),
    panel('messages to join', linesOf('messages to join')),
  ]),
);
const attacks = [...new Set(Object.keys(liars).map((key) => /^[\d.]+ % (.*), \w+: /.exec(key)?.[1] ?? ''))];
writeFileSync(
  'docs/dht-liars.svg',
  page(
    attacks.flatMap((attack) =>
      ['searches', 'reads'].map((what) =>
        panel(
          `${what} turned, %: liars ${attack}`,
          ['none', 'paths', 'networks', 'both'].map((wall, index) => ({
            name: wall,
            colour: COLOURS[index] as string,
            points: [1, 10, 30].map(
              (share) =>
                [`${share} %`, liars[`${share} % ${attack}, ${wall}: ${what} turned %`] ?? 0] as const,
            ),
          })),
        ),
      ),
    ),
  ),
);

/** One line for each churn, over the number of nodes. */
function linesOf(measure: string): Line[] {
  const churns = [...new Set(lookups.map((counts) => counts['churn % an hour'] as number))].sort(
    (a, b) => a - b,
  );
  return churns.map((churn, index) => ({
    name: `${churn} % an hour`,
    colour: COLOURS[index] as string,
    points: lookups
      .filter((counts) => counts['churn % an hour'] === churn)
      .sort((a, b) => (a['nodes'] as number) - (b['nodes'] as number))
      .map(
        (counts) => [(counts['nodes'] as number).toLocaleString('en'), counts[measure] as number] as const,
      ),
  }));
}

function panel(title: string, lines: readonly Line[]): string {
  const { width, height, left, right, top, bottom } = PANEL;
  const labels = [...new Set(lines.flatMap(({ points }) => points.map(([label]) => label)))];
  const greatest = Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value)), 1e-9);
  const step = niceStep(greatest / 4);
  const most = Math.ceil(greatest / step) * step;
  const x = (label: string) =>
    left + ((labels.indexOf(label) + 0.5) * (width - left - right)) / Math.max(1, labels.length);
  const y = (value: number) => height - bottom - (value / most) * (height - top - bottom);
  const grid: string[] = [];
  for (let value = 0; value <= most + step / 2; value += step) {
    grid.push(`<line x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>`);
    grid.push(text(left - 6, y(value) + 4, Number(value.toFixed(6)).toLocaleString('en'), 'end'));
  }
  const drawn = lines.map(({ name, colour, points }, index) => {
    const path = points.map(([label, value]) => `${x(label).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    const dots = points.map(
      ([label, value]) =>
        `<circle cx="${x(label).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3" fill="${colour}"/>`,
    );
    const key = text(left + 8 + index * 78, top - 4, name, 'start', colour);
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${key}`;
  });
  const axis = labels.map((label) => text(x(label), height - bottom + 16, label, 'middle'));
  return [text(left, 14, title, 'start', '#111', 'bold'), ...grid, ...axis, ...drawn].join('\n');
}

function page(panels: readonly string[]): string {
  const rows = Math.ceil(panels.length / 2);
  const placed = panels.map(
    (one, index) =>
      `<g transform="translate(${(index % 2) * PANEL.width},${Math.floor(index / 2) * PANEL.height})">\n${one}\n</g>`,
  );
  const size = `width="${2 * PANEL.width}" height="${rows * PANEL.height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">\n<rect ${size} fill="#fff"/>\n${placed.join('\n')}\n</svg>\n`;
}

function text(x: number, y: number, what: string, anchor: string, fill = '#555', weight = 'normal'): string {
  const escaped = what.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${fill}" font-weight="${weight}">${escaped}</text>`;
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((one) => one * power >= least) ?? 10) * power;
}
