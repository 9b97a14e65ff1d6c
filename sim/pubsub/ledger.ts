/** What was acknowledged of a durable topic against what its readers found. */
export interface Ledger {
  begin(text: string): string;
  acknowledged(ticket: string, sequence: number): void;
  /** Tells of one reader's messages, in the order in which it gets them. */
  reader(name: string): (sequence: number, text: string) => void;
  count(): number;
  violations(): string[];
}

export function createLedger(): Ledger {
  const kept = new Map<number, string>();
  const begun = new Set<string>();
  const found: string[] = [];
  const readers = new Map<string, Map<number, string>[]>();

  return {
    begin(text) {
      begun.add(text);
      return text;
    },
    acknowledged(ticket, sequence) {
      const other = kept.get(sequence);
      if (other !== undefined) found.push(`kept: ${sequence} was given to ${other} and to ${ticket}`);
      kept.set(sequence, ticket);
    },
    reader(name) {
      const read = new Map<number, string>();
      const all = readers.get(name) ?? [];
      readers.set(name, [...all, read]);
      let last = 0;
      return (sequence, text) => {
        if (sequence !== last + 1) found.push(`kept: ${name} read ${sequence} after ${last}`);
        if (!begun.has(text)) found.push(`kept: ${name} read ${text}, which nobody wrote`);
        last = sequence;
        read.set(sequence, text);
      };
    },
    count: () => kept.size,
    violations() {
      const late = [...readers.values()].map((all) => all.at(-1));
      const whole = late.reduce(
        (most, one) => ((one?.size ?? 0) > (most?.size ?? 0) ? one : most),
        undefined,
      );
      for (const [sequence, text] of kept)
        if (whole?.get(sequence) !== text)
          found.push(`kept: ${sequence} was acknowledged as ${text} and is ${whole?.get(sequence)}`);
      for (const all of readers.values())
        for (const read of all)
          for (const [sequence, text] of read)
            if (whole?.get(sequence) !== text) found.push(`kept: readers differ at ${sequence}`);
      const texts = [...(whole?.values() ?? [])];
      if (new Set(texts).size !== texts.length) found.push('kept: a message is there twice');
      return found;
    },
  };
}
