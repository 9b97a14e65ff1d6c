/** UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then random bits. */
import { toHex } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Random } from '../../core/random/index.ts';

export function createRequestId({
  clock,
  random,
}: {
  readonly clock: Clock;
  readonly random: Random;
}): string {
  const bytes = random.bytes(16);
  let ms = Math.max(0, Math.floor(clock.now()));
  for (let at = 5; at >= 0; at--) {
    bytes[at] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  const hex = toHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
