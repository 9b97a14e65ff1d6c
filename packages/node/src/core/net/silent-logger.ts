/** libp2p's own log is off: it names addresses of users, and its debug form costs time in every frame. */
import type { ComponentLogger, Logger } from '@libp2p/interface';

const silent: Logger = Object.assign(() => {}, {
  error() {},
  trace() {},
  enabled: false,
  newScope: () => silent,
});

export const silentLibp2pLogger: ComponentLogger = { forComponent: () => silent };
