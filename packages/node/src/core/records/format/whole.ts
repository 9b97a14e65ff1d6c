/** A number without a sign and a fraction, as what peers and disks tell of times, slots and counts has to be. */
export function isWhole(value: unknown, max = Number.MAX_SAFE_INTEGER): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max;
}
