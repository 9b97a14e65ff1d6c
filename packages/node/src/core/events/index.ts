/** Typed notifications owned by one module; a listener that throws is reported, never stops the others. */

export type EventMap = Record<string, unknown>;

export interface Events<M extends EventMap> {
  on<K extends keyof M>(event: K, listener: (value: M[K]) => void): Disposable;
}

export interface Emitter<M extends EventMap> extends Events<M> {
  emit<K extends keyof M>(event: K, value: M[K]): void;
}

export function createEmitter<M extends EventMap>(onError: (error: unknown) => void): Emitter<M> {
  const subscriptions = new Map<keyof M, Set<{ readonly listener: (value: never) => void }>>();
  return {
    on(event, listener) {
      const set = subscriptions.get(event) ?? new Set();
      subscriptions.set(event, set);
      const subscription = { listener };
      set.add(subscription);
      return { [Symbol.dispose]: () => void set.delete(subscription) };
    },
    emit(event, value) {
      const set = subscriptions.get(event);
      for (const subscription of [...(set ?? [])]) {
        // An earlier listener may have ended this one.
        if (!set?.has(subscription)) continue;
        try {
          (subscription.listener as (value: unknown) => void)(value);
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}
