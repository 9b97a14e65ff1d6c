/** A router that speaks UPnP, on loopback or where it is put: answers a search, describes itself, and keeps a table of mappings. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Place } from '../core/reach/upnp/search.ts';

export interface FakeRouter extends AsyncDisposable {
  readonly place: Place;
  /** `TCP 4100` → where it leads. */
  readonly table: Map<string, { readonly client: string; readonly port: number; readonly leaseS: number }>;
  /** Actions in the order in which they came. */
  readonly asked: string[];
}

export interface FakeRouterConfig {
  readonly outerHost?: string;
  /** Outer ports that belong to others. */
  readonly taken?: readonly number[];
  readonly onlyPermanent?: boolean;
  /** Of IGD. Default 1, as most routers are. */
  readonly version?: 1 | 2;
  /** Its inner address. Default 127.0.0.1. */
  readonly host?: string;
  /** Hears searches by multicast, as real ones do; else at a port of its own. */
  readonly multicast?: boolean;
  readonly onChange?: (table: FakeRouter['table']) => void;
  /** What its answer says instead. */
  readonly location?: string;
  readonly description?: string;
}

const textIn = (xml: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';

export async function createFakeRouter(config: FakeRouterConfig = {}): Promise<FakeRouter> {
  const { outerHost = '198.51.100.7', taken = [], onlyPermanent = false, version = 1 } = config;
  const { host = '127.0.0.1', multicast = false, onChange = () => {} } = config;
  const service = `urn:schemas-upnp-org:service:WANIPConnection:${version}`;
  const target = `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`;
  const table: FakeRouter['table'] = new Map();
  const asked: string[] = [];

  function answer(action: string, body: string): { readonly status: number; readonly text: string } {
    const fault = (code: number, said: string) => ({
      status: 500,
      text: `<s:Fault><detail><UPnPError><errorCode>${code}</errorCode><errorDescription>${said}</errorDescription></UPnPError></detail></s:Fault>`,
    });
    const fine = (fields = '') => ({
      status: 200,
      text: `<u:${action}Response xmlns:u="${service}">${fields}</u:${action}Response>`,
    });
    if (action === 'GetExternalIPAddress')
      return fine(`<NewExternalIPAddress>${outerHost}</NewExternalIPAddress>`);
    const outer = Number(textIn(body, 'NewExternalPort'));
    const name = `${textIn(body, 'NewProtocol')} ${outer}`;
    if (action === 'DeletePortMapping') {
      if (!table.delete(name)) return fault(714, 'NoSuchEntryInArray');
      onChange(table);
      return fine();
    }
    const leaseS = Number(textIn(body, 'NewLeaseDuration'));
    if (taken.includes(outer)) return fault(718, 'ConflictInMappingEntry');
    if (onlyPermanent && leaseS > 0) return fault(725, 'OnlyPermanentLeasesSupported');
    const client = textIn(body, 'NewInternalClient');
    table.set(name, { client, port: Number(textIn(body, 'NewInternalPort')), leaseS });
    onChange(table);
    return fine();
  }

  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      const own = `<root><device><friendlyName>Fake &#x1f; router</friendlyName><serviceList><service><serviceType>urn:other</serviceType><controlURL>/other</controlURL></service><service><serviceType>${service}</serviceType><controlURL>/control</controlURL></service></serviceList></device></root>`;
      response.end(config.description ?? own);
      return;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const action = /#(\w+)"/.exec(String(request.headers['soapaction']))?.[1] ?? '';
    asked.push(action);
    const { status, text } = answer(action, body);
    response.writeHead(status).end(`<s:Envelope><s:Body>${text}</s:Body></s:Envelope>`);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.on('message', (message, from) => {
    if (!message.includes(`ST: ${target}`)) return;
    const location = config.location ?? `http://${host}:${port}/device.xml`;
    socket.send(`HTTP/1.1 200 OK\r\nST: ${target}\r\nLOCATION: ${location}\r\n\r\n`, from.port, from.address);
  });
  if (multicast) socket.bind(1_900);
  else socket.bind(0, host);
  await once(socket, 'listening');
  if (multicast) socket.addMembership('239.255.255.250', host);

  return {
    place: { localHost: host, host, port: socket.address().port },
    table,
    asked,
    async [Symbol.asyncDispose]() {
      socket.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
