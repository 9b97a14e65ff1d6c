import type { Invocation } from '../invocation.ts';

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly text: string;
  /** The next command, or what to do elsewhere. */
  readonly try?: string;
}

export function good(check: string, text: string): Finding {
  return { check, ok: true, text };
}

export function bad(check: string, text: string, next: string): Finding {
  return { check, ok: false, text, try: next };
}

export function printFindings({ terminal, options }: Invocation, findings: readonly Finding[]): void {
  if (options.json) {
    terminal.print(JSON.stringify({ findings }));
    return;
  }
  for (const { ok, check, text, try: next } of findings) {
    terminal.print(`${terminal.paint(ok ? 'green' : 'red', ok ? 'ok   ' : 'wrong')} ${check}: ${text}`);
    if (next !== undefined) terminal.print(`      try: ${next}`);
  }
}
