/**
 * What was said before, from one device of an address to another, as letters between the two. Keys of messages are gone once they are
 * read, so nothing else could tell it: not the nodes, and not the wallet.
 */
import { type Line, lineOf } from './archive.ts';

const MAX_CHUNK_LENGTH = 16_384;

/** Contents of letters, each short enough for one. */
export function* historyLetters(lines: readonly Line[], joined: readonly string[]): Generator<object> {
  let chunk: Line[] = [];
  let length = 0;
  for (const line of lines) {
    if (length + line.text.length > MAX_CHUNK_LENGTH || chunk.length >= 100) {
      yield { type: 'history', lines: chunk, joined: [] };
      chunk = [];
      length = 0;
    }
    chunk.push(line);
    length += line.text.length;
  }
  yield { type: 'history', lines: chunk, joined };
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
