/**
 * Which node a command talks to: `--url` (with `--token-file`), `--home` (a node's home, or a dev folder with
 * `--node N`), P2POS_HOME, the chosen context, `./.p2pos/dev.json`, `~/.p2pos`, in this order.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { P2posError } from '@p2pos/protocol';
import { parse } from 'smol-toml';
import { readContexts } from './contexts.ts';
import { type DevFile, readDevFile } from './dev/dev-file.ts';
import { nodeIndex } from './dev/layout.ts';
import { usage } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { isMissing, reasonOf } from './json-file.ts';
import { didYouMean } from './suggestion.ts';

const DEFAULT_HTTP = 'http://127.0.0.1:4180';

export interface Target {
  readonly url: string;
  readonly token: string | undefined;
  /** How it was found, for people: `--home /srv/a`, `context work`. */
  readonly foundBy: string;
  /** The node's own home, when it lies on this machine. */
  readonly home?: string;
  /** The development folder that it belongs to. */
  readonly devHome?: string;
}

/** Throws NODE_NOT_CHOSEN when nothing names a node, COMMAND_USAGE when what names it is wrong. */
export function findTarget(invocation: Invocation): Target {
  const { options, env, folder, userHome } = invocation;
  if (options.url !== undefined) return fromUrl(invocation, options.url, options.tokenFile, '--url');
  if (options.tokenFile !== undefined)
    throw usage('--token-file goes with --url.', 'p2pctl status --url URL --token-file FILE');
  if (options.home !== undefined)
    return fromHome(invocation, options.home, options.node, `--home ${options.home}`);
  if (env['P2POS_HOME']) return fromHome(invocation, env['P2POS_HOME'], options.node, 'P2POS_HOME');
  const { chosen, contexts } = readContexts(invocation);
  const context = chosen === null ? undefined : contexts[chosen];
  if (context && 'url' in context)
    return fromUrl(invocation, context.url, context.tokenFile, `context ${chosen}`);
  if (context) return fromHome(invocation, context.home, options.node ?? context.node, `context ${chosen}`);
  const devHome = join(folder, '.p2pos');
  if (existsSync(join(devHome, 'dev.json')))
    return fromHome(invocation, devHome, options.node, './.p2pos/dev.json');
  const personal = join(userHome, '.p2pos');
  if (isNodeHome(personal) || existsSync(join(personal, 'dev.json'))) {
    return fromHome(invocation, personal, options.node, '~/.p2pos');
  }
  throw new P2posError('NODE_NOT_CHOSEN', {
    looked:
      'no --url, --home, P2POS_HOME or chosen context, and neither ./.p2pos/dev.json nor ~/.p2pos is there',
    next: 'p2pctl dev',
  });
}

function fromUrl(
  invocation: Invocation,
  text: string,
  tokenFile: string | undefined,
  foundBy: string,
): Target {
  if (invocation.options.node !== undefined)
    throw usage('--node goes with a dev folder, not with a URL.', 'p2pctl status --home DIR --node N');
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? '')) {
    throw usage(`${text} is no http:// or https:// address.`, `p2pctl status --url ${DEFAULT_HTTP}`);
  }
  const url = text.replace(/\/+$/, '');
  if (tokenFile !== undefined) {
    const file = resolve(invocation.folder, tokenFile);
    const token = readToken(file);
    if (token === undefined)
      throw new P2posError('FILE_UNREADABLE', { file, reason: 'it does not exist or is empty' });
    return { url, token, foundBy };
  }
  // Without a token file: the development system of this folder knows the token of its own nodes.
  const node = readDevFile(join(invocation.folder, '.p2pos', 'dev.json'))?.nodes.find(
    ({ http }) => http === url,
  );
  return { url, token: node && readToken(node.tokenFile), foundBy };
}

function fromHome(invocation: Invocation, text: string, node: string | undefined, foundBy: string): Target {
  const home = resolve(invocation.folder, text);
  const dev = readDevFile(join(home, 'dev.json'));
  if (dev) return fromDevFile(dev, home, node, foundBy);
  if (!isNodeHome(home)) throw notAHome(home, foundBy);
  if (node !== undefined) {
    throw usage(
      `${home} is the home of one node; --node goes with a dev folder.`,
      `p2pctl status --home ${text}`,
    );
  }
  return { url: httpOf(home), token: readToken(join(home, 'token')), foundBy, home };
}

function fromDevFile(dev: DevFile, devHome: string, word: string | undefined, foundBy: string): Target {
  const node = word === undefined ? firstRunning(dev) : named(dev, word);
  return {
    url: node.http,
    token: readToken(node.tokenFile),
    foundBy: `${foundBy} (${node.name})`,
    home: node.home,
    devHome,
  };
}

function firstRunning({ nodes }: DevFile) {
  const node = nodes.find(({ pid }) => pid !== null && isAlive(pid)) ?? nodes[0];
  if (!node)
    throw new P2posError('NODE_NOT_CHOSEN', { looked: 'dev.json names no node', next: 'p2pctl dev' });
  return node;
}

function named({ nodes }: DevFile, word: string) {
  const index = nodeIndex(word);
  const node = nodes.find(({ name }) => name === word) ?? (index === undefined ? undefined : nodes[index]);
  if (node) return node;
  const names = nodes.map(({ name }) => name);
  throw usage(
    `There is no node ${word}; there are ${names.join(', ')}.${didYouMean(word, names)}`,
    'p2pctl status --node 0',
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function isNodeHome(home: string): boolean {
  return ['node.toml', 'node.key', 'token'].some((name) => existsSync(join(home, name)));
}

function notAHome(home: string, foundBy: string): P2posError {
  const found = statSync(home, { throwIfNoEntry: false });
  const reason = !found
    ? 'it does not exist'
    : found.isDirectory()
      ? "it is neither a node's home nor a dev folder"
      : 'it is no folder';
  return new P2posError('HOME_UNUSABLE', {
    home: `${home} (${foundBy})`,
    reason,
    next: `p2pctl dev --home ${home}`,
  });
}

/** The address in `node.toml`; its faults are for `config check` to tell. */
function httpOf(home: string): string {
  let listen: unknown;
  try {
    const config = parse(readFileSync(join(home, 'node.toml'), 'utf8'));
    listen =
      typeof config['http'] === 'object' && config['http'] !== null && 'listen' in config['http']
        ? config['http'].listen
        : undefined;
  } catch (error) {
    if (!isMissing(error)) {
      const next = `p2pctl config check --home ${home}`;
      throw new P2posError(
        'FILE_UNREADABLE',
        { file: join(home, 'node.toml'), reason: firstLine(error), next },
        { cause: error },
      );
    }
  }
  return typeof listen === 'string' ? `http://${reachable(listen)}` : DEFAULT_HTTP;
}

/** Who listens on all addresses is reached on the loopback one. */
function reachable(listen: string): string {
  return listen.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
}

/** Undefined where there is none: what needs no token works without. */
function readToken(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(error) }, { cause: error });
  }
}

const firstLine = (error: unknown): string => reasonOf(error).split('\n')[0] ?? '';
