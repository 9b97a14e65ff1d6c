/** SSDP: who on the local networks is a gateway to the internet (UPnP Device Architecture 1.1, §1.3). */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';

export interface Place {
  /** The address of this machine from which to ask. */
  readonly localHost: string;
  readonly host: string;
  readonly port: number;
}

export interface Found {
  /** Of its description, on the host that answered. */
  readonly location: URL;
  readonly localHost: string;
}

const GROUP = { host: '239.255.255.250', port: 1_900 };
const TARGETS = [1, 2].map((version) => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`);
/** How long the devices may wait before they answer, s. */
const MX_S = 1;
const MAX_FOUND = 16;

function everywhere(): Place[] {
  return Object.values(networkInterfaces())
    .flatMap((one) => one ?? [])
    .filter(
      ({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'),
    )
    .map(({ address }) => ({ localHost: address, ...GROUP }));
}

/** Ends when the signal aborts. */
export async function* search(
  places: () => readonly Place[] = everywhere,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  await using parts = new AsyncDisposableStack();
  const found: Found[] = [];
  const seen = new Set<string>();
  let wake = Promise.withResolvers<void>();
  for (const { localHost, host, port } of places()) {
    const socket = createSocket({ type: 'udp4' });
    parts.defer(() => {
      socket.close();
    });
    socket.on('error', () => {});
    socket.on('message', (message, { address }) => {
      const location = readAnswer(message.toString('latin1'), address);
      if (!location || seen.has(location.href) || seen.size >= MAX_FOUND) return;
      seen.add(location.href);
      found.push({ location, localHost });
      wake.resolve();
    });
    socket.bind({ address: localHost, port: 0 });
    await once(socket, 'listening', { signal });
    socket.setMulticastInterface(localHost);
    for (const target of TARGETS) {
      const lines = [
        'M-SEARCH * HTTP/1.1',
        `HOST: ${host}:${port}`,
        'MAN: "ssdp:discover"',
        `MX: ${MX_S}`,
        `ST: ${target}`,
      ];
      socket.send(`${lines.join('\r\n')}\r\n\r\n`, port, host, () => {});
    }
  }
  const stop = () => wake.resolve();
  signal.addEventListener('abort', stop, { once: true });
  parts.defer(() => signal.removeEventListener('abort', stop));
  while (!signal.aborted) {
    const next = found.shift();
    if (next) yield next;
    else {
      await wake.promise;
      wake = Promise.withResolvers();
    }
  }
}

/** Undefined for what is no answer, or leads to another host than the one that sent it. */
export function readAnswer(text: string, sender: string): URL | undefined {
  if (text.length > 4_096 || !/^HTTP\/1\.[01] 200\b/.test(text)) return undefined;
  const target = /^st:[ \t]*(\S+)/im.exec(text)?.[1];
  const location = /^location:[ \t]*(\S+)/im.exec(text)?.[1];
  if (!target || !TARGETS.includes(target) || !location) return undefined;
  const url = URL.parse(location);
  return url?.protocol === 'http:' && url.hostname === sender ? url : undefined;
}
