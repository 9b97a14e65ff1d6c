/** What each app has asked of this node since it started. */

export interface Counters {
  requests: number;
  /** By a quota. */
  refused: number;
  messages: number;
}

export interface Usage {
  count(app: string, added: Partial<Counters>): void;
  of(app: string): Readonly<Counters>;
}

/** Apps counted at once; names of apps come from the catalogue, so strangers cannot fill it. */
const MAX_APPS = 10_000;

export function createUsage(): Usage {
  const counters = new Map<string, Counters>();
  return {
    count(app, { requests = 0, refused = 0, messages = 0 }) {
      let own = counters.get(app);
      if (!own) {
        if (counters.size >= MAX_APPS) return;
        own = { requests: 0, refused: 0, messages: 0 };
        counters.set(app, own);
      }
      own.requests += requests;
      own.refused += refused;
      own.messages += messages;
    },
    of: (app) => ({ ...(counters.get(app) ?? { requests: 0, refused: 0, messages: 0 }) }),
  };
}
