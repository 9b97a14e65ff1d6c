/** What was acknowledged of a durable topic against what its readers found. */
export interface LedgerReader {
  /** Its messages, in the order in which it gets them. */
  read(sequence: number, text: string): void;
  /** It does not read to the end: its node died, or it has to begin anew. */
  away(): void;
}

export interface Ledger {
  begin(text: string): string;
  acknowledged(ticket: string, sequence: number): void;
  reader(name: string): LedgerReader;
  count(): number;
  violations(): string[];
}

export function createLedger(): Ledger {
  const kept = new Map<number, string>();
  const begun = new Set<string>();
  const found: string[] = [];
  const readers: { readonly name: string; readonly read: Map<number, string>; away: boolean }[] = [];

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
      const reader = { name, read: new Map<number, string>(), away: false };
      readers.push(reader);
      let last = 0;
      return {
        read(sequence, text) {
          if (sequence !== last + 1) found.push(`kept: ${name} read ${sequence} after ${last}`);
          if (!begun.has(text)) found.push(`kept: ${name} read ${text}, which nobody wrote`);
          last = sequence;
          reader.read.set(sequence, text);
        },
        away() {
          reader.away = true;
        },
      };
    },
    count: () => kept.size,
    violations() {
      const whole = new Map(readers.flatMap(({ read }) => [...read]));
      for (const [sequence, text] of kept)
        if (whole.get(sequence) !== text)
          found.push(`kept: ${sequence} was acknowledged as ${text} and is ${whole.get(sequence)}`);
      for (const { name, read, away } of readers) {
        if (!away && read.size !== whole.size) found.push(`kept: ${name} got ${read.size} of ${whole.size}`);
        for (const [sequence, text] of read)
          if (whole.get(sequence) !== text) found.push(`kept: readers differ at ${sequence}`);
      }
      const texts = [...whole.values()];
      if (new Set(texts).size !== texts.length) found.push('kept: a message is there twice');
      return found;
    },
  };
}
