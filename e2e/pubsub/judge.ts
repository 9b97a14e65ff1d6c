/**
 * Counts losses, copies and disorder: what subscribers were told against what publishers were told was taken. A source is
 * one life of a publisher's node, `<peerId>/<incarnation>`.
 */
export interface Taken {
  readonly source: string;
  readonly topic: string;
  readonly seq: number;
  readonly text: string;
}

export interface Told {
  readonly type: 'open' | 'message' | 'gap' | 'missed';
  readonly source?: string;
  readonly topic?: string;
  readonly from?: number;
  readonly to?: number;
  readonly text?: string;
}

export interface Subscriber {
  readonly name: string;
  readonly told: readonly Told[];
  /** Never away from these sources: nothing of them may be missing or told as lost, from the first that came on. */
  readonly near: readonly string[];
  /** Linked again at the end: their numbers must be accounted for up to the last. */
  readonly reached: readonly string[];
}

export interface Judgement {
  readonly violations: string[];
  readonly received: number;
  /** Numbers that were told as lost. */
  readonly gaps: number;
}

export function judgeDeliveries(taken: readonly Taken[], subscribers: readonly Subscriber[]): Judgement {
  const violations: string[] = [];
  const published = new Map(taken.map(({ source, topic, seq, text }) => [`${source}/${topic}/${seq}`, text]));
  const newest = new Map<string, number>();
  for (const { source, topic, seq } of taken)
    newest.set(`${source}/${topic}`, Math.max(seq, newest.get(`${source}/${topic}`) ?? 0));
  let received = 0;
  let gaps = 0;
  for (const { name, told, near, reached } of subscribers) {
    const last = new Map<string, number>();
    const texts = new Set<string>();
    const blame = (what: string) => void violations.push(`${name}: ${what}`);
    for (const { type, source = '', topic = '', from = 0, to = 0, text = '' } of told) {
      if (type === 'open') continue;
      if (type === 'missed') {
        blame('was told that it is too slow');
        continue;
      }
      const row = `${source}/${topic}`;
      const before = last.get(row);
      if (before !== undefined && from <= before) blame(`${row}: ${type} ${from} after ${before}`);
      if (before !== undefined && from > before + 1)
        blame(`${row}: nothing was said of ${before + 1}-${from - 1}`);
      last.set(row, to);
      if (type === 'gap') {
        gaps += to - from + 1;
        if (near.includes(source)) blame(`${row}: ${from}-${to} were lost on a link that held`);
        continue;
      }
      received++;
      if (texts.has(text)) blame(`${row}: "${text}" came twice`);
      texts.add(text);
      const was = published.get(`${row}/${from}`);
      if (was !== undefined && was !== text) blame(`${row}: ${from} was "${was}" and came as "${text}"`);
    }
    for (const [row, most] of newest) {
      const source = row.slice(0, row.lastIndexOf('/'));
      const at = last.get(row) ?? 0;
      if (reached.includes(source) && at < most) blame(`${row}: ends at ${at} of ${most}`);
    }
  }
  return { violations, received, gaps };
}
