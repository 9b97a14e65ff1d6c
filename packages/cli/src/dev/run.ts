/** `p2pctl dev`: founds the system where there is none, starts it, says when it is ready, and ends it at Ctrl-C. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { P2posError } from '@p2pos/protocol';
import { systemClock } from '../clock.ts';
import { usage } from '../failure.ts';
import { EXIT, type ExitCode, type Invocation } from '../invocation.ts';
import { announce, commandWords } from './announcement.ts';
import { listenControl } from './control.ts';
import { readDevFile, readSettings, type Settings, writeSettings } from './dev-file.ts';
import { nodeDoor, pageLink } from './door.ts';
import { emptyFolder, prepareFolder, waitForLeftovers } from './folder.ts';
import { foundSystem } from './founding.ts';
import { type Layout, layoutOf } from './layout.ts';
import { lockHome } from './lock.ts';
import { setHttpPort } from './node-home.ts';
import { spawnNode } from './node-process.ts';
import { holderOf, isFree } from './ports.ts';
import { createDevSystem, type DevSystem } from './system.ts';

const DEFAULT_NODES = 5;
const DEFAULT_PORT = 4_180;
export const MAX_DEV_NODES = 64;

export interface DevOptions {
  readonly home: string;
  readonly nodes?: number | undefined;
  readonly port?: number | undefined;
  readonly fresh: boolean;
  readonly restart: boolean;
  /** The node's executable. */
  readonly nodeMain: string;
}

export const NODE_MAIN = fileURLToPath(new URL('../../../node/bin/p2pos-node.mjs', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../../../node_modules/.bin/p2pctl', import.meta.url));

export async function runDev(invocation: Invocation, options: DevOptions): Promise<ExitCode> {
  const { terminal, signal } = invocation;
  const layout = layoutOf(options.home);
  const stopped = new AbortController();
  const ending = AbortSignal.any([signal, stopped.signal]);
  prepareFolder(layout);
  using _lock = lockHome(layout);
  try {
    await waitForLeftovers(layout, { clock: systemClock, say: terminal.say, signal: ending });
    if (options.fresh) emptyFolder(layout);
    const settings = await settingsFor(layout, options, terminal.say);
    await requireFreePorts(settings);
    ending.throwIfAborted();
    await using system = createDevSystem(
      {
        clock: systemClock,
        makeIdentity: (home) => makeIdentity(options.nodeMain, home),
        spawn: (name, onOrder) => {
          const { home, log } = layout.node(name);
          return spawnNode({ main: options.nodeMain, home, log }, onOrder);
        },
        door: ({ http, tokenFile }) => nodeDoor(http, tokenFile),
        report: (text) => terminal.say(text),
      },
      { layout, restart: options.restart, signal: ending },
      settings,
    );
    await using _control = await listenControl(layout, async (order, progress) => {
      if (order.op === 'stop' && order.node === undefined) return stopped.abort();
      return await system.obey(order, progress);
    });
    await using _farewell = farewell(system, terminal.say);
    terminal.say(
      `starting ${settings.nodes.length} nodes of ${settings.systemId.slice(0, 12)}… in ${layout.home}`,
    );
    await sayReady(invocation, layout, system);
    await new Promise<void>((resolve) => {
      if (ending.aborted) resolve();
      ending.addEventListener('abort', () => resolve(), { once: true });
    });
    return EXIT.done;
  } catch (error) {
    // Asked to end before it was ready: what was begun is undone by now, and that is no failure.
    if (ending.aborted) return EXIT.done;
    throw error;
  }
}

function farewell(system: DevSystem, say: (text: string) => void): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      const running = system.nodes().filter(({ pid }) => pid !== null);
      say(`stopping ${running.map(({ name }) => name).join(', ') || 'nothing: no node runs'}`);
    },
  };
}

async function settingsFor(
  layout: Layout,
  options: DevOptions,
  say: (text: string) => void,
): Promise<Settings> {
  const found = readSettings(layout);
  if (!found) {
    const nodes = options.nodes ?? DEFAULT_NODES;
    say(`founding a system of ${nodes} nodes in ${layout.home}`);
    const makeIdentity_ = (home: string) => makeIdentity(options.nodeMain, home);
    const plan = { nodes, port: options.port ?? DEFAULT_PORT };
    return await foundSystem({ clock: systemClock, makeIdentity: makeIdentity_ }, layout, plan);
  }
  const { length } = found.nodes;
  if (options.nodes !== undefined && options.nodes !== length)
    throw otherCount(layout, length, options.nodes);
  if (options.port === undefined || options.port === found.port) return found;
  const settings = { ...found, port: options.port };
  for (const [index, { name }] of found.nodes.entries())
    setHttpPort(layout.node(name), settings.port + index);
  writeSettings(layout, settings);
  return settings;
}

function otherCount({ home }: Layout, founded: number, asked: number): P2posError {
  const advice =
    asked > founded
      ? `Start it without --nodes, then add ${asked - founded === 1 ? 'one' : 'each'} with: p2pctl dev add`
      : 'Start it without --nodes, and leave some out with: p2pctl dev stop NODE; or found another with --fresh, which deletes this one.';
  return new P2posError('DEV_NODE_COUNT', { home, founded, asked, advice, next: 'p2pctl dev' });
}

/** A node's own key lies in its home before it starts, since the first snapshot names its peer id. */
export async function makeIdentity(nodeMain: string, home: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      nodeMain,
      'identity',
      '--home',
      home,
    ]);
    const peerId = /\b12D3KooW\w+/.exec(stdout)?.[0];
    if (peerId) return peerId;
    throw new Error(`it said: ${stdout.slice(0, 200)}`);
  } catch (cause) {
    const stderr =
      cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().split('\n')[0] : undefined;
    const reason = `its key could not be made: ${stderr || (cause instanceof Error ? cause.message : String(cause))}`;
    throw new P2posError('NODE_START_FAILED', { name: home, reason, next: 'p2pctl dev --fresh' }, { cause });
  }
}

async function requireFreePorts(settings: Settings): Promise<void> {
  const { length } = settings.nodes;
  if (settings.port + length - 1 > 65_535)
    throw usage(
      `Ports from ${settings.port} on do not suffice for ${length} nodes.`,
      `p2pctl dev --port ${DEFAULT_PORT}`,
    );
  for (const [index, { name, p2p, stopped }] of settings.nodes.entries()) {
    if (stopped) continue;
    const port = settings.port + index;
    if (!(await isFree(port))) {
      const suggestion = await freeRange(length);
      throw new P2posError('DEV_PORT_BUSY', {
        port,
        name,
        holder: holder(port),
        suggestion,
        next: `p2pctl dev --port ${suggestion}`,
      });
    }
    for (const p2pPort of p2p.flatMap((address) => /\/tcp\/(\d+)/.exec(address)?.[1] ?? [])) {
      if (await isFree(Number(p2pPort))) continue;
      const reason = `its port ${p2pPort} for other nodes is held by ${holder(Number(p2pPort))}. End that and try again.`;
      throw new P2posError('NODE_START_FAILED', { name, reason, next: 'p2pctl dev' });
    }
  }
}

const holder = (port: number): string => holderOf(port) ?? 'a process of another user';

/** The first round number from which on as many ports are free. */
async function freeRange(count: number): Promise<number> {
  for (let base = 5_180; base < 60_000; base += 100) {
    const ports = Array.from({ length: count }, (_, index) => base + index);
    const free = await Promise.all(ports.map((port) => isFree(port)));
    if (free.every(Boolean)) return base;
  }
  return 5_180;
}

async function sayReady(invocation: Invocation, layout: Layout, system: DevSystem): Promise<void> {
  const { terminal } = invocation;
  const failing = await system.start();
  for (const { name, reason } of failing)
    terminal.say(`${name} does not run: ${reason ?? 'it ended'}; the others do without it`);
  const nodes = readDevFile(layout.devFile)?.nodes ?? [];
  const gateway = nodes.find(({ pid }) => pid !== null);
  const page = gateway && (await pageLink(gateway.http, gateway.tokenFile).catch(() => undefined));
  for (const line of announce({ nodes, command: commandWords(layout.home, PROGRAM, invocation), page }))
    terminal.print(line);
}
