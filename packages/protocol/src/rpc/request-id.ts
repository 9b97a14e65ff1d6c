/** Names an internal failure so that an operator finds it in the log: UUIDv7 (RFC 9562 §5.7). */

import type { Clock } from '../clock.ts';
import { toHex } from '../encoding/hex.ts';
import type { RpcRandom } from './ports.ts';

export function createRequestIds({
  clock,
  random,
}: {
  readonly clock: Clock;
  readonly random?: RpcRandom | undefined;
}): () => string {
  let count = 0;
  return () => {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    if (random) bytes.set(random.bytes(16));
    else view.setUint32(12, ++count);
    const now = Math.max(0, Math.floor(clock.now()));
    view.setUint32(0, Math.floor(now / 0x1_0000));
    view.setUint16(4, now % 0x1_0000);
    view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
    view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
    const hex = toHex(bytes);
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  };
}
