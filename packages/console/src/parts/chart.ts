/** A chart over time in an element: follows its width, the colours of the page and what is measured. */
import uPlot from 'uplot';
import { onBeforeUnmount, onMounted, type Ref, watch } from 'vue';
import { onThemeChange } from '../theme.ts';

export interface Series {
  readonly label: string;
  /** One per time, null where nothing was measured. */
  readonly values: readonly (number | null)[];
}

export interface Measured {
  /** Seconds since the Unix epoch. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
}

const HEIGHT = 150;
const SECONDS = [1, 5, 10, 15, 30, 60, 120, 300];
const HUES = [221, 160, 35, 0, 280, 190, 85, 320];

export function useChart(host: Ref<HTMLElement | null>, measured: () => Measured): void {
  let plot: uPlot | undefined;
  let shape = '';

  function draw(anew = false): void {
    const element = host.value;
    if (!element || element.clientWidth === 0) return;
    const { times, series } = measured();
    const data = [times, ...series.map(({ values }) => values)] as uPlot.AlignedData;
    const wanted = series.map(({ label }) => label).join('\n');
    if (!plot || anew || wanted !== shape) {
      plot?.destroy();
      shape = wanted;
      plot = new uPlot(optionsOf(series, element), data, element);
      plot.root.setAttribute('aria-hidden', 'true');
    } else plot.setData(data);
  }

  const resizes = new ResizeObserver(() => {
    if (host.value && plot) plot.setSize({ width: host.value.clientWidth, height: HEIGHT });
    else draw();
  });
  onMounted(() => {
    if (host.value) resizes.observe(host.value);
    draw();
  });
  watch(measured, () => draw());
  onThemeChange(() => draw(true));
  onBeforeUnmount(() => {
    resizes.disconnect();
    plot?.destroy();
  });
}

function optionsOf(series: readonly Series[], element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const line = style.getPropertyValue('--line').trim();
  const ink = style.getPropertyValue('--quiet').trim();
  const isDark = style.colorScheme === 'dark' || style.getPropertyValue('--dark').trim() === '1';
  const axis: uPlot.Axis = {
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    font: '12px system-ui',
    size: 44,
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { show: false },
    legend: { show: false },
    axes: [{ ...axis, size: 28, space: 80, incrs: SECONDS, values: (_, at) => at.map(timeOf) }, axis],
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.15)] } },
    series: [
      {},
      ...series.map(({ label }, index) => ({
        label,
        stroke: colourOf(index, isDark),
        width: 2,
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}

export function colourOf(index: number, isDark: boolean): string {
  return `hsl(${HUES[index % HUES.length]} 70% ${isDark ? 66 : 42}%)`;
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString();
}
