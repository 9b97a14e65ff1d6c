/**
 * The settings of a running node: those marked `live` in the schema change under their readers when the files are read
 * again, all others keep the value that the node started with.
 */
import type { LoadedConfig } from './load.ts';
import { type Config, NAMED_SETTINGS } from './schema.ts';

export interface LiveConfig {
  /** Live settings are read anew at each use; a live list stays the same array with another content. */
  readonly config: Config;
  /** Takes up what is live. Both lists are keys as in `node.toml`. */
  update(next: LoadedConfig): { readonly applied: string[]; readonly needsRestart: string[] };
}

type Values = Record<string, Record<string, unknown>>;

export function createLiveConfig(loaded: LoadedConfig): LiveConfig {
  const current = structuredClone(loaded.config) as unknown as Values;
  const shown: Values = {};
  for (const { section, property, live } of NAMED_SETTINGS) {
    const target = shown[section] ?? {};
    shown[section] = target;
    const value = current[section]?.[property];
    if (live)
      Object.defineProperty(target, property, { enumerable: true, get: () => current[section]?.[property] });
    else target[property] = value;
  }
  return {
    config: shown as unknown as Config,
    update({ config }) {
      const next = config as unknown as Values;
      const changed = NAMED_SETTINGS.filter(
        ({ section, property }) => !isEqual(current[section]?.[property], next[section]?.[property]),
      );
      for (const { section, property, live } of changed) {
        if (!live) continue;
        const values = current[section] ?? {};
        current[section] = values;
        const before = values[property];
        const after = next[section]?.[property];
        if (Array.isArray(before) && Array.isArray(after)) before.splice(0, before.length, ...after);
        else values[property] = after;
      }
      return {
        applied: changed.filter(({ live }) => live).map(({ key }) => key),
        needsRestart: changed.filter(({ live }) => !live).map(({ key }) => key),
      };
    },
  };
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
