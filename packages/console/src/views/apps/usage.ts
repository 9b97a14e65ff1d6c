/** What an app uses while its view is open, as rates between two looks. */
import type { AppUsage } from '@p2pos/protocol';
import { onScopeDispose, type Ref, shallowRef } from 'vue';
import type { Measured } from '../../parts/chart.ts';
import { texts } from '../../texts.ts';

const EVERY_MS = 2_000;
const MAX_SAMPLES = 150;
const none: Measured = { times: [], series: [] };

interface Rate {
  readonly at: number;
  readonly requests: number;
  readonly messages: number;
}

export function useUsage(chosen: Ref<string>, ask: (app: string) => Promise<AppUsage>) {
  const measured = shallowRef<Measured>(none);
  let rates: Rate[] = [];
  let before: { readonly at: number; readonly usage: AppUsage } | undefined;

  async function look(): Promise<void> {
    if (chosen.value === '' || document.hidden) return;
    const usage = await ask(chosen.value).catch(() => undefined);
    if (!usage) return;
    const at = Date.now() / 1_000;
    if (before?.usage.app !== usage.app) rates = [];
    // A node that restarted begins its counters anew.
    else if (usage.requests >= before.usage.requests && usage.messages >= before.usage.messages) {
      const per = (now: number, then: number) => (now - then) / Math.max(0.5, at - (before?.at ?? at));
      rates.push({
        at,
        requests: per(usage.requests, before.usage.requests),
        messages: per(usage.messages, before.usage.messages),
      });
      if (rates.length > MAX_SAMPLES) rates.shift();
    }
    before = { at, usage };
    measured.value = {
      times: rates.map((rate) => rate.at),
      series: [
        { label: texts.apps.rates.requests, values: rates.map(({ requests }) => requests) },
        { label: texts.apps.rates.messages, values: rates.map(({ messages }) => messages) },
      ],
    };
  }

  const timer = setInterval(look, EVERY_MS);
  onScopeDispose(() => clearInterval(timer));
  return measured;
}
