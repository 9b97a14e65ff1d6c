/** `/p2pos/update/1.0.0`: artefacts of releases from member to member, piece by piece. Who takes one checks its hash. */
import { hash32Schema, integerSchema, type ReleaseArtefact } from '@p2pos/protocol';
import { z } from 'zod';
import type { PeerId } from '../../core/net/index.ts';
import { defineCapability, type Rpc } from '../../core/rpc/index.ts';
import type { UpdateHost } from './host.ts';

export const PIECE_BYTES = 262_144;

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
});

const TIMEOUT_MS = 30_000;

export function serveArtefacts(rpc: Pick<Rpc, 'serve'>, host: Pick<UpdateHost, 'read'>): Disposable {
  return rpc.serve(UPDATE, {
    piece: async ({ sha256, offset }) => ({ bytes: (await host.read(sha256, offset, PIECE_BYTES)) ?? null }),
  });
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
