/** The settings in force as an operator reads them: TOML that could be `node.toml`, with where each value is from. */
import type { LoadedConfig } from './load.ts';
import { NAMED_SETTINGS } from './schema.ts';

export interface ShownSetting {
  readonly value: unknown;
  readonly from: string;
}

/** By key; durations in milliseconds and sizes in bytes, null for none. */
export function describeConfig({ config, origins }: LoadedConfig): Record<string, ShownSetting> {
  return Object.fromEntries(
    NAMED_SETTINGS.map((setting) => [
      setting.key,
      { value: valueIn(config, setting) ?? null, from: origins.get(setting.key) ?? 'default' },
    ]),
  );
}

export function showConfig(loaded: LoadedConfig): string {
  const lines: string[] = [];
  let section = '';
  for (const setting of NAMED_SETTINGS) {
    if (setting.section !== section) {
      if (section) lines.push('');
      section = setting.section;
      lines.push(`[${section}]`);
    }
    const name = setting.key.slice(section.length + 1);
    const value = valueIn(loaded.config, setting);
    const assignment =
      value === undefined ? `# ${name} has no value` : `${name} = ${setting.kind.show(value)}`;
    lines.push(`${assignment.padEnd(40)} # ${loaded.origins.get(setting.key)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** As `node.toml`: what flags gave, and `more` by key. */
export function showGiven(
  { config, origins }: LoadedConfig,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const lines: string[] = [];
  let section = '';
  for (const setting of NAMED_SETTINGS) {
    const isGiven = origins.get(setting.key)?.startsWith('--') === true;
    const value = isGiven ? valueIn(config, setting) : more[setting.key];
    if (value === undefined) continue;
    if (setting.section !== section) lines.push('', `[${setting.section}]`);
    section = setting.section;
    lines.push(`${setting.key.slice(section.length + 1)} = ${setting.kind.show(value)}`);
  }
  return `${lines.join('\n')}\n`.trimStart();
}

function valueIn(
  config: LoadedConfig['config'],
  { section, property }: (typeof NAMED_SETTINGS)[number],
): unknown {
  return (config as Readonly<Record<string, Readonly<Record<string, unknown>>>>)[section]?.[property];
}
