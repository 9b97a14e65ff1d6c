/**
 * What is known of the moves of all slots that have the same number of replicas. Two epochs per slot: in which this node
 * settled (reconciled with a majority of every set that held the slot before), and in which a majority of the slot's set is
 * known to have settled, so that older sets are needed no more (closed).
 */
export interface Ring {
  /** How many replicas its slots have. */
  readonly count: number;
  /** 0: not settled. */
  readonly settled: Uint32Array;
  /** 0: unknown, every set since the beginning may be needed. */
  readonly closed: Uint32Array;
}

/** As the disk remembers it, with the snapshot that was in force then. */
export interface SavedRing extends Ring {
  readonly headHash: Uint8Array;
}

export function createRing(count: number, slots: number): Ring {
  return { count, settled: new Uint32Array(slots), closed: new Uint32Array(slots) };
}

/** `[value, length, value, length, …]` */
export function packEpochs(epochs: Uint32Array): number[] {
  const packed: number[] = [];
  for (let i = 0; i < epochs.length; ) {
    const value = epochs[i] as number;
    let end = i + 1;
    while (end < epochs.length && epochs[end] === value) end++;
    packed.push(value, end - i);
    i = end;
  }
  return packed;
}

/** Undefined unless it describes exactly `slots` epochs. */
export function unpackEpochs(packed: readonly number[], slots: number): Uint32Array | undefined {
  const epochs = new Uint32Array(slots);
  let at = 0;
  for (let i = 0; i < packed.length; i += 2) {
    const value = packed[i] as number;
    const length = packed[i + 1] ?? 0;
    if (!(value >= 0 && value <= 0xffff_ffff && length > 0 && at + length <= slots)) return undefined;
    epochs.fill(value, at, at + length);
    at += length;
  }
  return at === slots ? epochs : undefined;
}
