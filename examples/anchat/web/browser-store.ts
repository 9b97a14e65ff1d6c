/** The store of the page: one IndexedDB database of this origin. Keys that WebCrypto keeps lie in it without their bytes. */
import type { Store } from '../chat/store.ts';

const NAME = 'anchat';
const KEPT = 'kept';

export async function openBrowserStore(): Promise<Store> {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(KEPT);
  const database = await done(opening);
  // Another tab that signs out must be able to delete it.
  database.onversionchange = () => database.close();
  const reading = () => database.transaction(KEPT, 'readonly').objectStore(KEPT);

  return {
    get: (key) => done(reading().get(key)),
    async list(prefix) {
      const kept = reading();
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      const [keys, values] = await Promise.all([done(kept.getAllKeys(range)), done(kept.getAll(range))]);
      return keys.map((key, i) => [String(key), values[i] as unknown] as const);
    },
    write(changes) {
      const transaction = database.transaction(KEPT, 'readwrite', { durability: 'strict' });
      const kept = transaction.objectStore(KEPT);
      for (const [key, value] of changes)
        if (value === undefined) kept.delete(key);
        else kept.put(value, key);
      return new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
    },
  };
}

/** Everything of anchat in this browser. */
export async function deleteBrowserStore(): Promise<void> {
  await done(indexedDB.deleteDatabase(NAME));
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
