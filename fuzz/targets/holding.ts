const AUTHOR = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';

/** A register that holds these bytes whatever is changed. */
export function holding(value: Uint8Array) {
  const version = `0198000000000001-${AUTHOR}`;
  return {
    read: async () => ({ value, version }),
    change: async () => ({ version, previous: undefined, replicas: [], durable: 0 }),
    scan: async () => ({ keys: [], more: false }),
    scanAll: async () => ({ keys: [], more: false, missingSlots: [] }),
  };
}
