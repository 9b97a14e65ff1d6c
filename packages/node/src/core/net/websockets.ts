/**
 * libp2p's websockets, whose connections cannot be aborted in 10.1: they close the socket with the code 1006, which
 * the standard forbids to send, so it throws and the other side never hears of the end.
 */
import type { Connection, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface';
import { webSockets as stockWebSockets, type WebSocketsComponents } from '@libp2p/websockets';

interface Closable {
  close(): void;
  /** Without waiting for the other side; the sockets of servers have it. */
  terminate?(): void;
}

export function webSockets(): (components: WebSocketsComponents) => Transport {
  return (components) => {
    const transport = stockWebSockets()(components);
    const dial = transport.dial.bind(transport);
    const createListener = transport.createListener.bind(transport);
    transport.dial = (address, options) => dial(address, { ...options, upgrader: through(options.upgrader) });
    transport.createListener = (options) =>
      createListener({ ...options, upgrader: through(options.upgrader) });
    return transport;
  };
}

function through(upgrader: Upgrader): Upgrader {
  const upgradeInbound = (connection: MultiaddrConnection, options: object): Promise<void> =>
    upgrader.upgradeInbound(abortable(connection), options as Parameters<Upgrader['upgradeInbound']>[1]);
  const upgradeOutbound = (connection: MultiaddrConnection, options: object): Promise<Connection> =>
    upgrader.upgradeOutbound(abortable(connection), options as Parameters<Upgrader['upgradeOutbound']>[1]);
  return Object.assign(Object.create(upgrader), { upgradeInbound, upgradeOutbound });
}

function abortable(connection: MultiaddrConnection): MultiaddrConnection {
  const { websocket } = connection as unknown as { readonly websocket?: Closable };
  if (!websocket) return connection;
  const sendReset = () => (websocket.terminate ? websocket.terminate() : websocket.close());
  return Object.assign(connection, { sendReset });
}
