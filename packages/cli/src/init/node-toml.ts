/** The `node.toml` that init writes: only what was chosen; everything else has its default. */
export interface NodeToml {
  readonly systemId: string;
  readonly listen?: readonly string[] | undefined;
  readonly announce?: readonly string[] | undefined;
  readonly initConnections?: readonly string[] | undefined;
  readonly http?: string | undefined;
}

export function nodeToml({ systemId, listen, announce, initConnections, http }: NodeToml): string {
  const sections: string[] = [`[system]\nid = ${quote(systemId)}`];
  const net = [line('listen', listen), line('announce', announce)].filter(Boolean);
  if (net.length > 0) sections.push(`[net]\n${net.join('\n')}`);
  if (initConnections?.length) sections.push(`[discovery]\n${line('init_connections', initConnections)}`);
  if (http !== undefined) sections.push(`[http]\nlisten = ${quote(http)}`);
  return `# Written by p2pctl init. Every key: p2pctl config show. After a change: p2pctl config reload.\n${sections.join('\n\n')}\n`;
}

/** A TOML basic string: JSON's escapes are among those that TOML knows. */
const quote = (text: string): string => JSON.stringify(text);

function line(name: string, values: readonly string[] | undefined): string {
  return values?.length ? `${name} = [\n${values.map((value) => `  ${quote(value)},\n`).join('')}]` : '';
}
