/** Says in each page where it comes from, so that nobody mends it by hand. */
export function page(title: string, source: string, body: string): string {
  return `# ${title}\n\n<!-- Generated from ${source} by scripts/reference.ts. Do not edit. -->\n\n${body.trimEnd()}\n`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |\n`;
  return `${line(head)}${line(head.map(() => '---'))}${rows.map(line).join('')}`;
}

export function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
}
