/**
 * A node's settings: one schema, four places, in this order: flag, environment variable, `node.toml` of the home,
 * default. Nothing else reads the environment or the file. What is unknown or impossible is refused with its place
 * and the allowed range, all of it at once; nothing is ever replaced by a default (T10).
 *
 * @example
 * const { config } = loadConfig({ home: '/var/lib/p2pos', flags: new Map([['log-level', ['debug']]]), env: {} });
 * config.log.level; // 'debug'
 */

export type { HostAndPort } from './kind.ts';
export { createLiveConfig, type LiveConfig } from './live.ts';
export { type Flags, homeFrom, type LoadedConfig, loadConfig, type Origin } from './load.ts';
export { didYouMean } from './nearest.ts';
export { type Config, NAMED_SETTINGS, type NamedSetting } from './schema.ts';
export { describeConfig, type ShownSetting, showConfig, showGiven } from './show.ts';
