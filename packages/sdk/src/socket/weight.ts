/** How many bytes a value may take in a message: never too few, and little work. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return 9 + 3 * value.length;
  if (value instanceof Uint8Array) return 9 + value.length;
  if (typeof value !== 'object' || value === null) return 9;
  let sum = 9;
  if (Array.isArray(value)) for (const item of value) sum += weightOf(item);
  else for (const [name, item] of Object.entries(value)) sum += 9 + 3 * name.length + weightOf(item);
  return sum;
}
