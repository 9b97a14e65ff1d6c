/**
 * Unpacks a release: a gzipped tar (POSIX.1-2001 ustar with pax headers, and GNU's long names) of plain files and folders.
 * Links, devices and names that lead out of the folder are refused (T34); so is what unpacks to more than it may.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createGunzip } from 'node:zlib';

const BLOCK = 512;
const MAX_ENTRIES = 200_000;
const MAX_TOTAL_BYTES = 4 * 1_024 ** 3;
const MAX_HEADER_BYTES = 65_536;

/** Rejects with an Error that says what is wrong with the archive; what was unpacked so far stays for the caller to remove. */
export async function unpack(file: string, folder: string): Promise<void> {
  const source = createReadStream(file).pipe(createGunzip());
  const reader = createReader(source);
  let entries = 0;
  let total = 0;
  let longName: string | undefined;
  let pax: ReadonlyMap<string, string> = new Map();
  for (;;) {
    const header = await reader.take(BLOCK);
    if (header.length < BLOCK || header.every((byte) => byte === 0)) return;
    if (++entries > MAX_ENTRIES) throw new Error(`it holds more than ${MAX_ENTRIES} entries`);
    requireChecksum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = pax.has('size') ? Number(pax.get('size')) : octal(header, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0) throw new Error('an entry has no size');
    total += size;
    if (total > MAX_TOTAL_BYTES) throw new Error('it unpacks to more than 4 GiB');
    if (type === 'x' || type === 'g' || type === 'L') {
      if (size > MAX_HEADER_BYTES) throw new Error('a header in it is too long');
      const content = await reader.padded(size);
      if (type === 'x') pax = paxRecords(content);
      if (type === 'L') longName = text(content, 0, content.length);
      continue;
    }
    const prefix = text(header, 345, 155);
    const short = text(header, 0, 100);
    const name = safeName(pax.get('path') ?? longName ?? (prefix ? `${prefix}/${short}` : short));
    pax = new Map();
    longName = undefined;
    const target = join(folder, name);
    if (type === '5') await mkdir(target, { recursive: true, mode: 0o755 });
    else if (type === '0' || type === '\0') {
      const isProgram = (octal(header, 100, 8) & 0o100) !== 0;
      await mkdir(dirname(target), { recursive: true, mode: 0o755 });
      await using handle = await open(target, 'wx', isProgram ? 0o755 : 0o644);
      for (let left = size; left > 0; ) {
        const piece = await reader.some(left);
        // Not write, which may take a part of it.
        await handle.writeFile(piece);
        left -= piece.length;
      }
      await reader.skip((BLOCK - (size % BLOCK)) % BLOCK);
    } else throw new Error(`${name} is neither a file nor a folder`);
  }
}

/** Relative, downwards, printable. */
function safeName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const isBad = name.startsWith('/') || parts.includes('..') || /[\0\\]/.test(name) || name.length > 1_024;
  if (isBad) throw new Error(`the name ${JSON.stringify(name.slice(0, 100))} leads out of its folder`);
  return parts.length === 0 ? '.' : join(...parts);
}

function requireChecksum(header: Buffer): void {
  const told = octal(header, 148, 8);
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 32 : byte;
  if (sum !== told) throw new Error('it is no tar archive');
}

function octal(block: Buffer, start: number, length: number): number {
  return Number.parseInt(text(block, start, length).trim() || '0', 8);
}

function text(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

/** `LENGTH KEY=VALUE\n` each. */
function paxRecords(content: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(32, at);
    const length = Number(content.toString('utf8', at, space));
    if (space === -1 || !Number.isSafeInteger(length) || length <= 0)
      throw new Error('a header in it is malformed');
    const [key = '', value = ''] = content.toString('utf8', space + 1, at + length - 1).split(/=(.*)/s);
    records.set(key, value);
    at += length;
  }
  return records;
}

function createReader(source: AsyncIterable<Buffer>) {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  async function more(): Promise<boolean> {
    const { value, done } = await iterator.next();
    if (done) return false;
    rest = rest.length === 0 ? value : Buffer.concat([rest, value]);
    return true;
  }

  /** At least one byte, at most `limit`. */
  async function some(limit: number): Promise<Buffer> {
    if (rest.length === 0 && !(await more())) throw new Error('it ends too early');
    const piece = rest.subarray(0, limit);
    rest = rest.subarray(piece.length);
    return piece;
  }

  async function take(length: number): Promise<Buffer> {
    while (rest.length < length && (await more()));
    const piece = rest.subarray(0, length);
    rest = rest.subarray(piece.length);
    return piece;
  }

  async function skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await some(left)).length;
  }

  return {
    some,
    take,
    skip,
    async padded(length: number): Promise<Buffer> {
      const content = Buffer.from(await take(length));
      if (content.length < length) throw new Error('it ends too early');
      await skip((BLOCK - (length % BLOCK)) % BLOCK);
      return content;
    },
  };
}
