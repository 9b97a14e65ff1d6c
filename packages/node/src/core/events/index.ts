/** Typed notifications owned by one module; a listener that throws is reported, never stops the others. */

export type EventMap = Record<string, unknown>;

export interface Events<M extends EventMap> {
  on<K extends keyof M>(event: K, listener: (value: M[K]) => void): Disposable;
}

export interface Emitter<M extends EventMap> extends Events<M> {
  emit<K extends keyof M>(event: K, value: M[K]): void;
}

export function createEmitter<M extends EventMap>(onError: (error: unknown) => void): Emitter<M> {
  const listeners = new Map<keyof M, Set<(value: never) => void>>();
  return {
    on(event, listener) {
      const set = listeners.get(event) ?? new Set();
      listeners.set(event, set);
      set.add(listener);
      return { [Symbol.dispose]: () => void set.delete(listener) };
    },
    emit(event, value) {
      for (const listener of [...(listeners.get(event) ?? [])]) {
        try {
          (listener as (value: unknown) => void)(value);
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}
