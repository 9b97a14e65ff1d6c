/**
 * `/p2pos/update/1.0.0`: artefacts of releases from member to member, piece by piece, where who takes one checks its hash; and
 * what a member runs, from itself and now, for a heartbeat says neither whether it is old nor whether that version stays.
 */
import { hash32Schema, integerSchema, type ReleaseArtefact } from '@p2pos/protocol';
import { z } from 'zod';
import type { PeerId } from '../../core/net/index.ts';
import { defineCapability, type Rpc } from '../../core/rpc/index.ts';
import type { UpdateHost } from './host.ts';

export const PIECE_BYTES = 262_144;

/** What a member runs. */
export interface Standing {
  readonly version: string;
  /** It may still go back to what it ran before. */
  readonly onTrial: boolean;
}

export const UPDATE = defineCapability('/p2pos/update/1.0.0', {
  piece: {
    id: 1,
    input: z.strictObject({ sha256: hash32Schema, offset: integerSchema(0) }),
    /** Null: not here. Empty: nothing beyond. */
    output: z.strictObject({
      bytes: z
        .custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= PIECE_BYTES)
        .nullable(),
    }),
    cost: 'repair',
    maxBodyBytes: PIECE_BYTES + 1_024,
  },
  standing: {
    id: 2,
    input: z.strictObject({}),
    output: z.object({ version: z.string().max(64), onTrial: z.boolean() }) satisfies z.ZodType<Standing>,
    maxBodyBytes: 1_024,
  },
});

const TIMEOUT_MS = 30_000;
const STANDING_TIMEOUT_MS = 5_000;

export function serveUpdate(
  rpc: Pick<Rpc, 'serve'>,
  host: Pick<UpdateHost, 'read'> | undefined,
  standing: () => Promise<Standing>,
): Disposable {
  return rpc.serve(UPDATE, {
    async piece({ sha256, offset }) {
      return { bytes: (await host?.read(sha256, offset, PIECE_BYTES)) ?? null };
    },
    standing,
  });
}

export function standingOf(rpc: Pick<Rpc, 'call'>, peerId: PeerId, signal?: AbortSignal): Promise<Standing> {
  return rpc.call(peerId, UPDATE, 'standing', {}, { timeoutMs: STANDING_TIMEOUT_MS, signal });
}

/** Undefined: the peer has it not. Otherwise its pieces in order, at most as many bytes as it should have. */
export async function artefactAt(
  rpc: Pick<Rpc, 'call'>,
  peerId: PeerId,
  { sha256, bytes: total }: ReleaseArtefact,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const piece = async (offset: number) =>
    (await rpc.call(peerId, UPDATE, 'piece', { sha256, offset }, { timeoutMs: TIMEOUT_MS, signal })).bytes;
  const first = await piece(0);
  if (!first || first.length === 0) return undefined;
  async function* pieces(start: Uint8Array): AsyncIterable<Uint8Array> {
    yield start;
    for (let offset = start.length; offset < total; ) {
      const next = await piece(offset);
      if (!next || next.length === 0) return;
      yield next;
      offset += next.length;
    }
  }
  return pieces(first);
}
