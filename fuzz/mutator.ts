/** Changes to bytes that decoders tend to trip over. */
import type { SeededRandom } from '../packages/node/src/testing/seeded-random.ts';

/** Bytes that mean much in CBOR, varints and lengths. */
const TELLING = [
  0x00, 0x01, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x20, 0x3b, 0x40, 0x58, 0x5b, 0x5f, 0x60, 0x7b, 0x7f, 0x80, 0x9b,
  0x9f, 0xa0, 0xbb, 0xbf, 0xc0, 0xd8, 0xf4, 0xf6, 0xf7, 0xf9, 0xfb, 0xff,
];

/** One to four changes to `input`, some with pieces of `other`. */
export function createMutator(random: SeededRandom, maxBytes: number) {
  const at = (bytes: Uint8Array) => random.below(bytes.length + 1);
  const changes: readonly ((input: Uint8Array, other: Uint8Array) => Uint8Array)[] = [
    (input) => edit(input, (bytes, i) => (bytes[i] = (bytes[i] as number) ^ (1 << random.below(8)))),
    (input) => edit(input, (bytes, i) => (bytes[i] = random.pick(TELLING))),
    (input) => edit(input, (bytes, i) => (bytes[i] = random.below(256))),
    (input) => input.subarray(0, at(input)),
    (input) => splice(input, at(input), random.below(16), new Uint8Array(0)),
    (input) => splice(input, at(input), 0, Uint8Array.of(random.pick(TELLING))),
    (input) =>
      splice(input, at(input), random.below(9), new Uint8Array(8).fill(random.pick([0, 0xff, 0x7f]))),
    (input, other) => splice(input, at(input), random.below(32), cutFrom(other)),
    (input) => splice(input, at(input), 0, cutFrom(input)),
    (input) => splice(input, at(input), 0, new Uint8Array(random.below(2_048)).fill(random.pick(TELLING))),
  ];

  function edit(input: Uint8Array, change: (bytes: Uint8Array, i: number) => void): Uint8Array {
    if (input.length === 0) return Uint8Array.of(random.pick(TELLING));
    const bytes = input.slice();
    change(bytes, random.below(bytes.length));
    return bytes;
  }

  function cutFrom(bytes: Uint8Array): Uint8Array {
    const from = at(bytes);
    return bytes.subarray(from, from + random.below(64));
  }

  return (input: Uint8Array, other: Uint8Array): Uint8Array => {
    let bytes = input;
    for (let i = random.below(4); i >= 0; i--) bytes = random.pick(changes)(bytes, other);
    return bytes.slice(0, maxBytes);
  };
}

function splice(bytes: Uint8Array, at: number, drop: number, insert: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.length, at + drop));
  const out = new Uint8Array(at + insert.length + rest.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(rest, at + insert.length);
  return out;
}
