/** No system: for founding one, and for signing what others hand over. */
import type { Source } from './source.ts';
import { texts } from './texts.ts';

export function createOfflineSource(): Source {
  const none = async (): Promise<never> => {
    throw new Error(texts.entrance.none);
  };
  return {
    way: 'none',
    label: texts.entrance.none,
    client: undefined,
    status: none,
    peers: none,
    members: none,
    root: none,
    snapshot: none,
    documents: none,
    audit: none,
    loss: none,
    submit: none,
    offer: none,
    invite: none,
    health: none,
    metrics: none,
    dev: async () => undefined,
    close: async () => {},
  };
}
