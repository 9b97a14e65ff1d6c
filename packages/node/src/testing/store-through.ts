/** A store that does all as another does, but what is given. */
import type { Store } from '../core/store/index.ts';

export function storeThrough(store: Store, instead: Partial<Pick<Store, 'read' | 'write'>>): Store {
  return {
    get storeId() {
      return store.storeId;
    },
    migrate: (...input) => store.migrate(...input),
    read: (...input) => store.read(...input),
    position: () => store.position(),
    write: (...input) => store.write(...input),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    ...instead,
  };
}
