/** Five nodes, each on a machine of its own as far as the network goes, with clients beside them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { CLONE, type DevSystem, startDev } from '../harness.ts';
import { createMachines, type Machines } from '../namespaces/machines.ts';
import type { Look, Operation } from './history.ts';

const NODE_MAIN = join(CLONE, 'packages/node/bin/p2pos-node.mjs');

export interface MachinesSystem extends AsyncDisposable {
  readonly machines: Machines;
  /** `kill -9`, and a start again on the same home. */
  kill(i: number): void;
  start(i: number): void;
  isUp(i: number): boolean;
  /** What the node on machine `i` answers to `GET path`. */
  ask(i: number, path: string): Promise<unknown>;
  /** A client on machine `i` that goes on until `end()`, which gives what it did. */
  startWriter(
    i: number,
    orders: { readonly writer: number; readonly writers: number },
  ): MachineClient<Operation>;
  /** What every key of so many writers is to the node on machine `i`. */
  look(i: number, writers: number, consistency: 'quorum' | 'all'): Promise<Look>;
  /** Any program as a client on machine `i`: it is given the node's url and token, and tells one JSON line for each T. */
  startClient<T>(i: number, file: string, orders: Readonly<Record<string, unknown>>): MachineClient<T>;
  /** Until every node answers and calls itself healthy. */
  settle(): Promise<void>;
}

export interface MachineClient<T> {
  /** Closes its standard input and waits for its end. */
  end(): Promise<T[]>;
}

export interface MachinesOptions {
  /** Makes of each node's settings what it starts with. */
  readonly settings?: (toml: string, i: number) => string;
  /** Default: all start at once. */
  readonly started?: boolean;
  /** For each node to be healthy; many on few processors take long. Default 60 s. */
  readonly patienceMs?: number;
}

export async function startMachinesSystem(
  count: number,
  { settings = (toml) => toml, started = true, patienceMs = 60_000 }: MachinesOptions = {},
): Promise<MachinesSystem> {
  await using parts = new AsyncDisposableStack();
  const dev = parts.use(await startDev({ nodes: count, patienceMs }));
  await dev.end();
  const machines = parts.use(createMachines(count));
  moveApart(dev, machines, count, settings);
  const running = new Map<number, ChildProcess>();
  const clients = new Set<ChildProcess>();
  parts.defer(async () => {
    const all = [...running.values(), ...clients].filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    );
    const gone = all.map((child) => once(child, 'exit'));
    for (const child of all) child.kill('SIGKILL');
    await Promise.all(gone);
  });

  function launch(i: number, words: readonly string[], stdin: 'ignore' | 'pipe'): ChildProcess {
    const [program = '', ...before] = machines.prefix(i);
    return spawn(program, [...before, process.execPath, '--disable-warning=ExperimentalWarning', ...words], {
      stdio: [stdin, 'pipe', 'inherit'],
    });
  }

  function start(i: number): void {
    const child = launch(i, [NODE_MAIN, 'run', '--home', dev.node(i).home], 'ignore');
    child.stdout?.resume();
    running.set(i, child);
    child.once('exit', () => {
      if (running.get(i) === child) running.delete(i);
    });
  }

  async function ask(i: number, path: string): Promise<unknown> {
    const { http } = dev.node(i);
    const script = `fetch('${http}${path}',{headers:{authorization:'Bearer ${dev.token(i)}'}}).then(async(r)=>console.log(await r.text()),(error)=>console.log(JSON.stringify({error:String(error.cause??error)})))`;
    const child = launch(i, ['-e', script], 'ignore');
    let text = '';
    child.stdout?.on('data', (chunk) => (text += chunk));
    await once(child, 'close');
    return JSON.parse(text);
  }

  function startClient<T>(
    i: number,
    file: string,
    orders: Readonly<Record<string, unknown>>,
  ): MachineClient<T> {
    const more = { ...orders, url: dev.node(i).http, token: dev.token(i) };
    const child = launch(i, [file, JSON.stringify(more)], 'pipe');
    clients.add(child);
    let text = '';
    child.stdout?.on('data', (chunk) => (text += chunk));
    const closed = once(child, 'close');
    return {
      async end() {
        child.stdin?.end();
        const [code] = await closed;
        if (code !== 0) throw new Error(`${file} on machine ${i} ended with ${code}`);
        return text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as T);
      },
    };
  }

  for (let i = 0; started && i < count; i++) start(i);
  const moved = parts.move();
  return {
    machines,
    start,
    ask,
    isUp: (i) => running.has(i),
    kill(i) {
      const child = running.get(i);
      running.delete(i);
      child?.kill('SIGKILL');
    },
    startWriter: (i, orders) => startClient(i, join(import.meta.dirname, 'writer.ts'), orders),
    async look(node, writers, consistency) {
      const file = join(import.meta.dirname, 'last-look.ts');
      const [told] = await startClient<Look>(node, file, { node, writers, consistency }).end();
      if (!told) throw new Error(`the client on machine ${node} told nothing`);
      return told;
    },
    startClient,
    async settle() {
      for (let i = 0; i < count; i++) {
        await eventually(
          async () => {
            const status = (await ask(i, '/v1/network/status')) as { state?: string };
            if (status.state !== 'healthy') throw new Error(`node ${i}: ${JSON.stringify(status)}`);
          },
          {
            timeoutMs: patienceMs,
            everyMs: 250,
          },
        );
      }
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

/** Each node's p2p address becomes that of its machine; HTTP stays on loopback, which each machine has for itself. */
function moveApart(
  dev: DevSystem,
  machines: Machines,
  count: number,
  settings: (toml: string, i: number) => string,
): void {
  const portsOf = (i: number) => dev.node(i).p2p.map((address) => /\/(?:tcp|udp)\/(\d+)/.exec(address)?.[1]);
  for (let i = 0; i < count; i++) {
    const file = join(dev.node(i).home, 'node.toml');
    let text = readFileSync(file, 'utf8');
    for (let j = 0; j < count; j++) {
      for (const port of portsOf(j)) {
        text = text.replaceAll(
          new RegExp(`/ip4/127\\.0\\.0\\.1/(tcp|udp)/${port}\\b`, 'g'),
          `/ip4/${machines.address(j)}/$1/${port}`,
        );
      }
    }
    writeFileSync(file, settings(text, i));
  }
}
