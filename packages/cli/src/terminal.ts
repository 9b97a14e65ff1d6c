/** The person or program at the other end: what is asked for goes to stdout, everything else to stderr. */
import { createInterface as createLines } from 'node:readline';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { styleText } from 'node:util';

const HISTORY_LINES = 1_000;

export interface Terminal {
  /** Whether a person watches: progress may be drawn over itself, questions may be asked. */
  readonly isInteractive: boolean;
  /** Of stdout; undefined when it is no terminal. */
  readonly columns: number | undefined;
  /** A line on stdout. */
  print(text: string): void;
  /** Bytes on stdout as they are; resolves when they are handed over. */
  write(bytes: Uint8Array): Promise<void>;
  /** A line on stderr. */
  say(text: string): void;
  /** A line on stderr that the next one replaces; an empty one clears it. Nothing where nobody watches. */
  progress(text: string): void;
  /** Colours for a terminal that wants them, else the text as it is. */
  paint(style: 'green' | 'yellow' | 'red' | 'dim' | 'bold', text: string): string;
  /** Everything on stdin, at most `maxBytes` and one more, so that the caller can tell. */
  read(maxBytes: number): Promise<Uint8Array>;
  /** Whether stdin is a person's keyboard. */
  readonly isKeyboard: boolean;
  /** True for y or yes. */
  confirm(question: string): Promise<boolean>;
  /** Lines as they are entered, with history and completion at a keyboard, until the input ends. */
  converse(wishes: ConversationWishes): Conversation;
  /** A line from the keyboard that is not shown; undefined where there is no keyboard or it was cancelled. */
  secret(question: string): Promise<string | undefined>;
}

export interface ConversationWishes {
  /** Before each line. */
  readonly prompt: () => string;
  /** Of earlier conversations, the newest first. */
  readonly history: readonly string[];
  /** What the end of the line may become, and that end. */
  readonly complete: (line: string) => [string[], string];
  /** Ctrl-C: the line is dropped; a second one ends it. */
  readonly onInterrupt: () => void;
}

export interface Conversation extends AsyncDisposable {
  readonly lines: AsyncIterable<string>;
  /** With what was entered now. */
  history(): readonly string[];
}

export function createTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  let drawn = false;
  const clear = () => {
    if (drawn) stderr.write('\r\u001b[K');
    drawn = false;
  };
  // A reader that went away (`| head`) is no failure of this program; what writes on hears of it by `write`.
  stdout.on('error', () => {});
  stderr.on('error', () => {});
  return {
    isInteractive: stderr.isTTY === true,
    isKeyboard: stdin.isTTY === true,
    columns: stdout.isTTY ? stdout.columns : undefined,
    print(text) {
      clear();
      stdout.write(`${text}\n`);
    },
    write: (bytes) => {
      clear();
      return new Promise((resolve) => stdout.write(bytes, () => resolve()));
    },
    say(text) {
      clear();
      stderr.write(`${text}\n`);
    },
    progress(text) {
      if (stderr.isTTY !== true) return;
      clear();
      if (text === '') return;
      stderr.write(text.slice(0, Math.max(20, (stderr.columns ?? 80) - 1)));
      drawn = true;
    },
    paint: (style, text) => styleText(style, text, { stream: stdout }),
    async read(maxBytes) {
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of stdin as AsyncIterable<Uint8Array>) {
        chunks.push(chunk);
        size += chunk.length;
        if (size > maxBytes) break;
      }
      return Buffer.concat(chunks).subarray(0, maxBytes + 1);
    },
    converse({ prompt, history, complete, onInterrupt }) {
      const isTTY = stdin.isTTY === true;
      const reader = createLines({
        input: stdin,
        ...(isTTY && { output: stderr }),
        terminal: isTTY,
        history: [...history],
        historySize: HISTORY_LINES,
        removeHistoryDuplicates: true,
        completer: complete,
      });
      let entered: readonly string[] = history;
      let isInterrupted = false;
      const ask = () => {
        if (!isTTY) return;
        reader.setPrompt(prompt());
        reader.prompt();
      };
      reader.on('history', (lines: string[]) => {
        entered = [...lines];
      });
      reader.on('SIGINT', () => {
        if (isInterrupted) return reader.close();
        isInterrupted = true;
        onInterrupt();
        reader.write(null, { ctrl: true, name: 'u' });
        stderr.write('\n(once more, or Ctrl-D, to leave)\n');
        ask();
      });
      async function* lines() {
        ask();
        for await (const line of reader) {
          isInterrupted = false;
          yield line;
          ask();
        }
        if (isTTY) stderr.write('\n');
      }
      return {
        lines: lines(),
        history: () => entered,
        async [Symbol.asyncDispose]() {
          reader.close();
        },
      };
    },
    async secret(question) {
      if (stdin.isTTY !== true) return undefined;
      stderr.write(question);
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input: stdin, output: silent, terminal: true });
      try {
        return await lines.question('');
      } catch {
        return undefined;
      } finally {
        lines.close();
        stderr.write('\n');
      }
    },
    async confirm(question) {
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
      } catch {
        return false;
      } finally {
        lines.close();
      }
    },
  };
}
