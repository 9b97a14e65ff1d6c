/** DNS messages as far as TXT questions over HTTPS need them (RFC 1035 §4, RFC 8484): one question out, TXT records in. */
import { P2posError } from './errors/errors.ts';

const TXT = 16;
const INTERNET = 1;
const RECURSION_DESIRED = 0x0100;
const NAME_ERROR = 3;
/** Far more than a system's addresses take. */
export const MAX_DNS_MESSAGE_BYTES = 65_535;
const MAX_RECORDS = 256;

/** @throws P2posError DNS_FAILED for what is no domain */
export function encodeTxtQuestion(name: string): Uint8Array {
  const labels = name.replace(/\.$/, '').split('.');
  const isDomain = labels.every((label) => /^[a-z0-9_-]{1,63}$/i.test(label)) && name.length <= 253;
  if (!isDomain) throw new P2posError('DNS_FAILED', { name, reason: 'it is no domain' });
  // RFC 8484 §4.1: an id of 0 lets caches work.
  const bytes = [0, 0, RECURSION_DESIRED >> 8, RECURSION_DESIRED & 0xff, 0, 1, 0, 0, 0, 0, 0, 0];
  for (const label of labels) bytes.push(label.length, ...new TextEncoder().encode(label));
  return Uint8Array.from([...bytes, 0, TXT >> 8, TXT & 0xff, INTERNET >> 8, INTERNET & 0xff]);
}

/**
 * The texts of all TXT records of the answer, each record's strings joined; none where the name does not exist.
 *
 * @throws P2posError DNS_FAILED
 */
export function decodeTxtAnswer(message: Uint8Array, name: string): string[] {
  const fail = (reason: string) => new P2posError('DNS_FAILED', { name, reason });
  const broken = () => fail('the answer is no sound DNS message');
  if (message.length < 12 || message.length > MAX_DNS_MESSAGE_BYTES) throw broken();
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flags = view.getUint16(2);
  if ((flags & 0x8000) === 0) throw broken();
  const code = flags & 0xf;
  if (code === NAME_ERROR) return [];
  if (code !== 0) throw fail(`the server answered with code ${code}`);
  if ((flags & 0x0200) !== 0) throw fail('the answer was cut off');

  let at = 12;
  const take = (length: number): number => {
    const start = at;
    at += length;
    if (at > message.length) throw broken();
    return start;
  };
  /** Names are only passed over: a pointer ends them (§4.1.4). */
  const skipName = () => {
    for (;;) {
      const length = message[take(1)] as number;
      if (length === 0) return;
      if (length >= 0xc0) {
        take(1);
        return;
      }
      if (length > 63) throw broken();
      take(length);
    }
  };
  for (let left = view.getUint16(4); left > 0; left--) {
    skipName();
    take(4);
  }
  const texts: string[] = [];
  const decoder = new TextDecoder();
  for (let left = Math.min(MAX_RECORDS, view.getUint16(6)); left > 0; left--) {
    skipName();
    const header = take(10);
    const [type, kind, length] = [
      view.getUint16(header),
      view.getUint16(header + 2),
      view.getUint16(header + 8),
    ];
    const end = take(length) + length;
    if (type !== TXT || kind !== INTERNET) continue;
    let text = '';
    for (let part = end - length; part < end; part += 1 + (message[part] as number)) {
      const stop = part + 1 + (message[part] as number);
      if (stop > end) throw broken();
      text += decoder.decode(message.subarray(part + 1, stop));
    }
    texts.push(text);
  }
  return texts;
}
