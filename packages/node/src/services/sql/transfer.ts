/** Files of databases in pieces, since one body between nodes is bounded: a few at a time, forgotten when not fetched. */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';

/** One piece. */
export const CHUNK_BYTES = 4 * 1_048_576;
const PATIENCE_MS = 60_000;
const MAX_AT_ONCE = 4;

export interface Transfers {
  /** Keeps what is to be fetched. @throws P2posError OVERLOADED */
  offer(ticket: string, file: Uint8Array): void;
  /** @throws P2posError BAD_REQUEST: forgotten by now */
  piece(ticket: string, offset: number): { readonly total: number; readonly chunk: Uint8Array };
  /** The whole file, once its last piece is there. @throws P2posError BAD_REQUEST, OVERLOADED */
  collect(ticket: string, total: number, offset: number, chunk: Uint8Array): Uint8Array | undefined;
}

export function createTransfers(clock: Clock): Transfers {
  const held = new Map<string, { readonly file: Uint8Array; filled: number; patience: Disposable }>();

  function drop(ticket: string): void {
    held.get(ticket)?.patience[Symbol.dispose]();
    held.delete(ticket);
  }

  function hold(ticket: string, file: Uint8Array) {
    if (held.size >= MAX_AT_ONCE) throw new P2posError('OVERLOADED', { what: 'The transfer of databases' });
    const one = { file, filled: 0, patience: clock.after(PATIENCE_MS, () => drop(ticket)) };
    held.set(ticket, one);
    return one;
  }

  return {
    offer: (ticket, file) => void hold(ticket, file),
    piece(ticket, offset) {
      const one = held.get(ticket);
      if (!one)
        throw new P2posError('BAD_REQUEST', {
          reason: 'The backup is not kept any more; ask for a new one.',
        });
      const chunk = one.file.slice(offset, offset + CHUNK_BYTES);
      if (offset + CHUNK_BYTES >= one.file.length) drop(ticket);
      return { total: one.file.length, chunk };
    },
    collect(ticket, total, offset, chunk) {
      const one = held.get(ticket) ?? hold(ticket, new Uint8Array(total));
      if (offset !== one.filled || one.file.length !== total || offset + chunk.length > total) {
        drop(ticket);
        throw new P2posError('BAD_REQUEST', {
          reason: 'A piece of the file is missing; send it again from its beginning.',
        });
      }
      one.file.set(chunk, offset);
      one.filled += chunk.length;
      if (one.filled < total) return undefined;
      drop(ticket);
      return one.file;
    },
  };
}
