/** What a router says of itself, as far as port mapping needs it. */

export interface Device {
  readonly name: string;
  readonly serviceType: string;
  readonly control: URL;
}

const MAX_BYTES = 65_536;
const SERVICE = /^urn:schemas-upnp-org:service:(WANIPConnection:[12]|WANPPPConnection:1)$/;

/** Undefined: it maps no ports. @throws where it cannot be read */
export async function readDevice(
  fetch: typeof globalThis.fetch,
  location: URL,
  signal: AbortSignal,
): Promise<Device | undefined> {
  const response = await fetch(location, { redirect: 'error', signal });
  if (!response.ok) throw new Error(`it answered HTTP ${response.status}`);
  return parseDevice(await readText(response), location);
}

export function parseDevice(xml: string, location: URL): Device | undefined {
  const base = URL.parse(textIn(xml, 'URLBase') ?? '', location) ?? location;
  for (const [, service = ''] of xml.matchAll(/<service>([\s\S]*?)<\/service>/gi)) {
    const serviceType = textIn(service, 'serviceType');
    const control = URL.parse(textIn(service, 'controlURL') ?? '', base);
    if (!serviceType || !SERVICE.test(serviceType) || !control) continue;
    // It may not send us elsewhere.
    if (control.protocol !== 'http:' || control.hostname !== location.hostname) continue;
    const name = (textIn(xml, 'friendlyName') ?? location.hostname).replace(/[^\x20-\x7e]/g, '').slice(0, 64);
    return { name, serviceType, control };
  }
  return undefined;
}

/** The text in the first element of that name. */
export function textIn(xml: string, name: string): string | undefined {
  return new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>\\s*([^<]*?)\\s*</`, 'i').exec(xml)?.[1];
}

/** Ends reading at the bound. */
export async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error('it says too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
