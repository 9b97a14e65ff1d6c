import { NAMED_SETTINGS, type NamedSetting } from '../../packages/node/src/config/index.ts';
import { code, page } from './markdown.ts';

const INTRODUCTION = `Each setting can be given in four places. The first that has it counts: a flag of the node, an environment variable, \`node.toml\`
in the node's home, the default. What is unknown or impossible is refused with its place and the allowed range; nothing falls back to
a default. \`p2pctl config show\` prints what is in force and where it comes from, \`p2pctl config check\` all mistakes at once.
\`p2pctl config reload\`, or SIGHUP, lets a running node read them again: what is marked so is in force at once; the rest is named and waits for a restart.

Durations are a whole number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`; sizes a number of bytes, or text with \`KiB\`, \`MiB\`, \`GiB\` or \`TiB\`.
Lists in a variable or flag are separated by commas; a list's flag may also come several times. Secrets are named by the file that
holds them, which only its owner may read.

\`\`\`toml
[kv]
max_value_bytes = "16KiB"

[discovery]
init_connections = ["/ip4/192.0.2.1/tcp/4100"]
\`\`\`
`;

export function configPage(): string {
  const sections = Map.groupBy(NAMED_SETTINGS, ({ section }) => section);
  const parts = [...sections].map(
    ([section, settings]) => `## ${section}\n\n${settings.map(entry).join('\n')}`,
  );
  return page('Settings', 'packages/node/src/config/schema.ts', `${INTRODUCTION}\n${parts.join('\n')}`);
}

function entry({ key, doc, kind, default: fallback, variable, flag, live }: NamedSetting): string {
  return `### ${code(key)}

${doc}

- ${kind.name}; allowed: ${kind.range}
- default: ${fallback === undefined ? 'none' : code(kind.show(fallback))}
- ${code(variable)}, ${code(`--${flag}`)}${live ? '\n- taken up by `p2pctl config reload`' : ''}
`;
}
