/** Lines gathered into statements: one ends at a semicolon that stands in no text, name, comment or trigger. */

/** @returns the whole statements, and what is left */
export function takeStatements(text: string): { readonly whole: string[]; readonly rest: string } {
  const whole: string[] = [];
  let from = 0;
  for (const at of ends(text)) {
    const statement = text.slice(from, at).trim();
    if (isTrigger(statement) && !/;\s*end$/i.test(statement)) continue;
    if (statement !== '') whole.push(statement);
    from = at + 1;
  }
  return { whole, rest: text.slice(from) };
}

function isTrigger(statement: string): boolean {
  return /^create\s+(?:temp\s+|temporary\s+)?trigger\b/i.test(statement);
}

/** Semicolons that stand by themselves. One quote that is not closed takes the rest. */
function* ends(text: string): Generator<number> {
  const pattern =
    /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`[^`]*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;/g;
  for (const { 0: found, index } of text.matchAll(pattern)) if (found === ';') yield index;
}

/** Whether it is asked of a replica, or changes something. */
export function isReading(statement: string): boolean {
  return /^(?:select|values|explain|with)\b/i.test(
    statement.replace(/^(?:\s+|--[^\n]*\n|\/\*[\s\S]*?\*\/)+/, ''),
  );
}
