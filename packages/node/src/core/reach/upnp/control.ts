/** What a router is asked to do, in SOAP 1.1 (UPnP WANIPConnection:1, §2.4). */
import { type Device, readText, textIn } from './device.ts';
import type { Router } from './port.ts';

/** `code`: of UPnP, such as 718, another host has that port; undefined: it did not answer as one should. */
export class UpnpFailure extends Error {
  readonly code: number | undefined;

  constructor(reason: string, code?: number) {
    super(reason);
    this.code = code;
  }
}

const DESCRIPTION = 'P2POS';

export function createControl(
  fetch: typeof globalThis.fetch,
  { name, serviceType, control }: Device,
  localHost: string,
): Router {
  async function run(action: string, values: Record<string, string | number>, signal: AbortSignal) {
    const fields = Object.entries(values)
      .map(([field, value]) => `<${field}>${xmlText(String(value))}</${field}>`)
      .join('');
    const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${serviceType}">${fields}</u:${action}></s:Body></s:Envelope>`;
    let response: Response;
    let text: string;
    try {
      const headers = {
        'content-type': 'text/xml; charset="utf-8"',
        soapaction: `"${serviceType}#${action}"`,
      };
      response = await fetch(control, { method: 'POST', headers, body, redirect: 'error', signal });
      text = await readText(response);
    } catch (cause) {
      signal.throwIfAborted();
      throw new UpnpFailure(`the router does not answer: ${(cause as Error).message}`);
    }
    if (response.ok) return text;
    const code = Number(textIn(text, 'errorCode') ?? Number.NaN);
    const said = textIn(text, 'errorDescription')?.slice(0, 100) ?? `HTTP ${response.status}`;
    throw new UpnpFailure(
      `the router refused ${action}: ${said}`,
      Number.isSafeInteger(code) ? code : undefined,
    );
  }

  return {
    name,
    localHost,
    async outerHost({ signal }) {
      const host = textIn(await run('GetExternalIPAddress', {}, signal), 'NewExternalIPAddress');
      if (host && /^\d{1,3}(\.\d{1,3}){3}$/.test(host)) return host;
      throw new UpnpFailure('the router has no outer address');
    },
    async map({ protocol, port, outerPort, leaseS }, { signal }) {
      await run(
        'AddPortMapping',
        {
          NewRemoteHost: '',
          NewExternalPort: outerPort,
          NewProtocol: protocol,
          NewInternalPort: port,
          NewInternalClient: localHost,
          NewEnabled: 1,
          NewPortMappingDescription: DESCRIPTION,
          NewLeaseDuration: leaseS,
        },
        signal,
      );
    },
    async unmap({ protocol, outerPort }, { signal }) {
      const values = { NewRemoteHost: '', NewExternalPort: outerPort, NewProtocol: protocol };
      await run('DeletePortMapping', values, signal);
    },
  };
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
