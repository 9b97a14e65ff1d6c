/** What came out of a tail may come once more by itself: by number it is known for a copy, for as long as one can come. */
import type { Clock } from '../../../core/clock/index.ts';
import type { SubscriptionEvent } from '../subscriptions/subscription.ts';

export interface Copies extends Disposable {
  /** Nothing, or what of it was not there yet. */
  fromTail(event: SubscriptionEvent): readonly SubscriptionEvent[];
  fromLive(event: SubscriptionEvent): readonly SubscriptionEvent[];
}

/** Longer than a publisher tries to deliver, and a receiver waits for what is missing. */
const REMEMBERED_MS = 120_000;
/** Publishers' topics. Clients know copies too, of the others. */
const MAX_REMEMBERED = 10_000;

export function createCopies(clock: Pick<Clock, 'after'>): Copies {
  const last = new Map<string, number>();
  let forgetting: Disposable | undefined;

  function fresh(event: Exclude<SubscriptionEvent, { type: 'missed' }>): {
    readonly source: string;
    readonly to: number;
    readonly event?: SubscriptionEvent;
  } {
    const source = `${event.publisher}/${event.incarnation}/${event.topic}`;
    const to = event.type === 'gap' ? event.to : event.seq;
    const had = last.get(source) ?? 0;
    if (to <= had) return { source, to };
    return {
      source,
      to,
      event: event.type === 'gap' ? { ...event, from: Math.max(event.from, had + 1) } : event,
    };
  }

  return {
    fromTail(event) {
      if (event.type === 'missed') return [event];
      const { source, to, event: one } = fresh(event);
      if (!one) return [];
      last.delete(source);
      last.set(source, to);
      if (last.size > MAX_REMEMBERED) last.delete(last.keys().next().value as string);
      return [one];
    },
    fromLive(event) {
      forgetting ??= clock.after(REMEMBERED_MS, () => last.clear());
      if (last.size === 0 || event.type === 'missed') return [event];
      const { source, event: one } = fresh(event);
      if (!one) return [];
      last.delete(source);
      return [one];
    },
    [Symbol.dispose]: () => forgetting?.[Symbol.dispose](),
  };
}
