/**
 * Connections over WebSockets that can be aborted: those of @libp2p/websockets 10.1 close the socket with the code 1006, which the
 * standard forbids to send, so that it throws and stays open.
 */
import type { webSockets } from '@libp2p/websockets';

type Factory = ReturnType<typeof webSockets>;
type Transport = ReturnType<Factory>;
type Options = Parameters<Transport['dial']>[1];
type Upgrade = Options['upgrader']['upgradeOutbound'];

export function resettable(factory: Factory): Factory {
  return (components) => {
    const transport = factory(components);
    const dial = transport.dial.bind(transport);
    transport.dial = (address, options) => {
      const upgradeOutbound: Upgrade = (connection, ...rest) => {
        const { websocket } = connection as unknown as { readonly websocket?: { close(): void } };
        if (websocket) Object.assign(connection, { sendReset: () => websocket.close() });
        return options.upgrader.upgradeOutbound(connection, ...rest);
      };
      const upgrader = Object.assign(Object.create(options.upgrader), { upgradeOutbound });
      return dial(address, { ...options, upgrader });
    };
    return transport;
  };
}
