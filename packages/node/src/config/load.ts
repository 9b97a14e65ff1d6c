import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type FileValues, isTable, readConfigFile } from './config-file.ts';
import { type Kind, path } from './kind.ts';
import { didYouMean } from './nearest.ts';
import { type Problem, problemsError } from './problem.ts';
import { type Config, NAMED_SETTINGS, type NamedSetting } from './schema.ts';

/** By flag without its dashes; a list's flag may come several times. */
export type Flags = ReadonlyMap<string, readonly string[]>;
type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigSources {
  readonly home: string;
  readonly flags?: Flags;
  /** Default: the process's. */
  readonly env?: Environment;
}

/** Where a value came from: `default`, a variable, a flag with its dashes, or `file:line`. */
export type Origin = string;

export interface LoadedConfig {
  readonly config: Config;
  /** By key as in `node.toml`. */
  readonly origins: ReadonlyMap<string, Origin>;
}

interface Found {
  readonly place: Origin;
  /** As TOML would give it. */
  readonly value: unknown;
}

/** Throws CONFIG_INVALID with all problems. */
export function loadConfig({ home, flags = new Map(), env = process.env }: ConfigSources): LoadedConfig {
  const problems: Problem[] = [];
  const file = readConfigFile(join(home, 'node.toml'));
  if ('reason' in file) problems.push(file);
  const inFile = 'values' in file ? file : { values: new Map<string, unknown>(), placeOf: () => home };

  problems.push(...unknownKeys(inFile), ...unknownVariables(env), ...unknownFlags(flags));

  const config: Record<string, Record<string, unknown>> = {};
  const origins = new Map<string, Origin>();
  for (const setting of NAMED_SETTINGS) {
    const { section, property, key, kind } = setting;
    const all = [fromFlags(setting, flags), fromEnvironment(setting, env), fromFile(setting, inFile)];
    const found = all.filter((each) => each !== undefined);
    // One that is overridden is judged too: it would surprise on the day it is not.
    const readings = found.map(({ place, value }) => ({ place, ...kind.read(value) }));
    for (const reading of readings) if ('reason' in reading) problems.push({ key, ...reading });
    const [first = { place: 'default', value: setting.default }] = readings;
    origins.set(key, first.place);
    if ('value' in first)
      config[section] = { ...config[section], [property]: fromHome(kind, first.value, home) };
  }
  const [first, ...others] = problems;
  if (first) throw problemsError([first, ...others]);
  return { config: config as unknown as Config, origins };
}

/** The home of the flag, of `P2POS_HOME`, or `~/.p2pos`. */
export function homeFrom(flag: string | undefined, env: Environment = process.env): string {
  return resolve(flag || env['P2POS_HOME'] || join(homedir(), '.p2pos'));
}

/** A relative path means one in the home, wherever the node was started. */
function fromHome(kind: Kind<unknown>, value: unknown, home: string): unknown {
  return kind === path && typeof value === 'string' ? resolve(home, value) : value;
}

function fromFlags({ flag, kind }: NamedSetting, flags: Flags): Found | undefined {
  const texts = flags.get(flag);
  if (!texts) return undefined;
  const place = `--${flag}`;
  const values = texts.map((text) => (kind.fromText ? kind.fromText(text) : text));
  // Given twice: a list is joined, of anything else the last one counts as everywhere on command lines.
  const value = values.every(Array.isArray) ? values.flat() : values.at(-1);
  return { place, value };
}

function fromFile({ key }: NamedSetting, { values, placeOf }: FileValues): Found | undefined {
  return values.has(key) ? { place: placeOf(key), value: values.get(key) } : undefined;
}

/** Of the command line, no settings: they can be meant, too. */
const OTHER_FLAGS = ['home', 'json', 'help', 'version'];
const LOG_LEVEL = 'LOG_LEVEL';

function fromEnvironment({ variable, key, kind }: NamedSetting, env: Environment): Found | undefined {
  const names = key === 'log.level' ? [variable, LOG_LEVEL] : [variable];
  for (const name of names) {
    const text = env[name];
    if (text) return { place: name, value: kind.fromText ? kind.fromText(text) : text };
  }
  return undefined;
}

function unknownKeys({ values, placeOf }: FileValues): Problem[] {
  const known = new Set(NAMED_SETTINGS.map(({ key }) => key));
  const sections = new Set(NAMED_SETTINGS.map(({ section }) => section));
  return [...values]
    .filter(([key, value]) => !known.has(key) && !(sections.has(key) && isTable(value)))
    .map(([key]) => ({ place: placeOf(key), key, reason: `is not a setting.${didYouMean(key, known)}` }));
}

/** A variable that names a section of ours, or nearly one of our names, was meant for us. */
function unknownVariables(env: Environment): Problem[] {
  const known = new Set(NAMED_SETTINGS.map(({ variable }) => variable));
  const sections = new Set(NAMED_SETTINGS.map(({ section }) => section.toUpperCase()));
  return Object.keys(env).flatMap((name) => {
    const section = /^P2POS_([A-Z0-9]+)_/.exec(name)?.[1];
    if (section === undefined || known.has(name)) return [];
    const isOurs = sections.has(section);
    const suggestion = didYouMean(name, known, isOurs ? undefined : 2);
    return isOurs || suggestion
      ? [{ place: 'environment', key: name, reason: `is not a setting.${suggestion}` }]
      : [];
  });
}

function unknownFlags(flags: Flags): Problem[] {
  const known = new Set(NAMED_SETTINGS.map(({ flag }) => flag));
  const dashed = [...known, ...OTHER_FLAGS].map((flag) => `--${flag}`);
  return [...flags.keys()]
    .filter((flag) => !known.has(flag))
    .map((flag) => {
      return {
        place: 'command line',
        key: `--${flag}`,
        reason: `is not a flag.${didYouMean(`--${flag}`, dashed)}`,
      };
    });
}
