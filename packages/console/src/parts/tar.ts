/** Several files as one: POSIX ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"), files only. */
export interface TarFile {
  /** ASCII, at most 100 characters. */
  readonly name: string;
  readonly content: Uint8Array | string;
  /** For nobody else to read once unpacked. */
  readonly secret: boolean;
}

const BLOCK = 512;
const ascii = new TextEncoder();

export function tarOf(files: readonly TarFile[], nowMs: number): Uint8Array {
  const parts = files.flatMap(({ name, content, secret }) => {
    const bytes = typeof content === 'string' ? ascii.encode(content) : content;
    const padded = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
    padded.set(bytes);
    return [headerOf(name, bytes.length, secret ? 0o600 : 0o644, nowMs), padded];
  });
  parts.push(new Uint8Array(2 * BLOCK));
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function headerOf(name: string, size: number, mode: number, nowMs: number): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const put = (offset: number, text: string) => header.set(ascii.encode(text), offset);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  put(0, name.slice(0, 100));
  put(100, octal(mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(size, 11));
  put(136, octal(Math.floor(nowMs / 1_000), 11));
  // The sum is made as if its own field were blanks.
  put(148, '        ');
  put(156, '0');
  put(257, 'ustar\x0000');
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return header;
}
