/**
 * What was said before, from one device of an address to another, as letters between the two. Keys of messages are gone once they are
 * read, so nothing else could tell it: not the nodes, and not the wallet.
 */
import { type Line, lineOf } from './archive.ts';

/** A letter has at most 65 536 bytes, a character of text at most three, and what else there is of a line less than 200. */
const MAX_CHUNK_LENGTH = 16_384;
const MAX_LINES = 50;
const MAX_ROOMS = 200;

/** Contents of letters, each short enough for one. */
export function* historyLetters(lines: readonly Line[], joined: readonly string[]): Generator<object> {
  let chunk: Line[] = [];
  let length = 0;
  for (const line of lines) {
    if (length + line.text.length > MAX_CHUNK_LENGTH || chunk.length >= MAX_LINES) {
      yield { type: 'history', lines: chunk, joined: [] };
      chunk = [];
      length = 0;
    }
    chunk.push(line);
    length += line.text.length;
  }
  if (chunk.length > 0) yield { type: 'history', lines: chunk, joined: [] };
  for (let i = 0; i < joined.length; i += MAX_ROOMS)
    yield { type: 'history', lines: [], joined: joined.slice(i, i + MAX_ROOMS) };
}

/** From a device of the same wallet: it may say who said what, but only in the form of lines. */
export function linesOf(content: unknown): {
  readonly lines: readonly Line[];
  readonly joined: readonly string[];
} {
  const { lines, joined } = content as { lines?: unknown; joined?: unknown };
  const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 65;
  return {
    lines: (Array.isArray(lines) ? lines : []).flatMap((one: Partial<Line> | null) => {
      const line = isText(one?.where) && isText(one.from) ? lineOf(one, one.where, one.from) : undefined;
      return line ? [line] : [];
    }),
    joined: (Array.isArray(joined) ? joined : []).filter(isText),
  };
}
