/** Things asked for within one tick, done together. */
export interface Batching<I, O> {
  add(item: I): Promise<O>;
}

export interface BatchingConfig<I> {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly sizeOf: (item: I) => number;
  /** Whether the second may share a batch with the first. Default: any may. */
  readonly joins?: (a: I, b: I) => boolean;
}

/** @param work Answers in the order of the items; what it throws fails them all. */
export function createBatching<I, O>(
  work: (items: readonly I[]) => Promise<readonly O[]>,
  { maxItems, maxBytes, sizeOf, joins = () => true }: BatchingConfig<I>,
): Batching<I, O> {
  interface Waiting {
    readonly item: I;
    readonly resolve: (answer: O) => void;
    readonly reject: (error: unknown) => void;
  }
  let open: { readonly waiting: Waiting[]; bytes: number } | undefined;

  async function run(waiting: readonly Waiting[]): Promise<void> {
    try {
      const answers = await work(waiting.map(({ item }) => item));
      for (const [i, { resolve }] of waiting.entries()) resolve(answers[i] as O);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        const bytes = sizeOf(item);
        const first = open?.waiting[0];
        const fits =
          open &&
          first &&
          open.waiting.length < maxItems &&
          open.bytes + bytes <= maxBytes &&
          joins(first.item, item);
        if (!open || !fits) {
          const fresh = { waiting: [] as Waiting[], bytes: 0 };
          open = fresh;
          queueMicrotask(() => {
            if (open === fresh) open = undefined;
            void run(fresh.waiting);
          });
        }
        open.bytes += bytes;
        open.waiting.push({ item, resolve, reject });
      }),
  };
}
