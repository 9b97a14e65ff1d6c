/** Memory that is about to be filled: Node has it without the zeros that a page must wait for. */
interface Unfilled {
  allocUnsafe(length: number): Uint8Array;
  allocUnsafeSlow(length: number): Uint8Array;
}

const { Buffer: unfilled } = globalThis as { readonly Buffer?: Unfilled };
const zeros = (length: number): Uint8Array => new Uint8Array(length);

/** For what lives shortly: short pieces share one buffer. */
export const shortLived: (length: number) => Uint8Array = unfilled
  ? (length) => unfilled.allocUnsafe(length)
  : zeros;
/** Nobody else's buffer. */
export const ownMemory: (length: number) => Uint8Array = unfilled
  ? (length) => unfilled.allocUnsafeSlow(length)
  : zeros;
