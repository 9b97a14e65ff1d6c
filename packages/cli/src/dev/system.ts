/** A development system while it runs: its settings, its node processes, and the orders it takes. */
import { rmSync } from 'node:fs';
import { type Admin, adminProofDocument, type Member, P2posError } from '@p2pos/protocol';
import type { Clock } from '../clock.ts';
import { replaceFile } from '../json-file.ts';
import { readKeyFile } from '../keys.ts';
import { needsRenewal, readDocument, signAdminProof } from '../members/authority.ts';
import { changeMembers, type MembershipDoor } from '../members/change.ts';
import { nearest } from '../suggestion.ts';
import type { ControlOrder } from './control.ts';
import { type Settings, writeDevFile, writeSettings } from './dev-file.ts';
import { asMember, type FoundingDeps, prepareNode } from './founding.ts';
import { type Layout, nodeIndex } from './layout.ts';
import { boundLog } from './log-file.ts';
import type { NodeProcess, Order } from './node-process.ts';
import { type NodeView, whenReady } from './readiness.ts';
import { createSupervisor, type SupervisedNode, type Supervisor } from './supervisor.ts';

const LOG_CHECK_MS = 10_000;

/** What is asked of a node over HTTP. */
export interface NodeDoor extends MembershipDoor {
  view(): Promise<NodeView>;
}

export interface DevSystemDeps extends FoundingDeps {
  readonly clock: Clock;
  readonly spawn: (name: string, onOrder: (order: Order) => Promise<unknown>) => NodeProcess;
  readonly door: (node: { readonly http: string; readonly tokenFile: string }) => NodeDoor;
  readonly report: (text: string) => void;
}

export interface DevSystem extends AsyncDisposable {
  readonly settings: Settings;
  /** Starts all that were not stopped by name; resolves when they are ready, with those that do not start. */
  start(): Promise<SupervisedNode[]>;
  nodes(): SupervisedNode[];
  obey(order: ControlOrder, progress: (text: string) => void): Promise<unknown>;
}

export function createDevSystem(
  deps: DevSystemDeps,
  {
    layout,
    restart,
    signal,
  }: { readonly layout: Layout; readonly restart: boolean; readonly signal: AbortSignal },
  founded: Settings,
): DevSystem {
  let settings = founded;
  let isReady = false;
  const supervisor: Supervisor = createSupervisor(
    { ...deps, onChange: () => isReady && publish() },
    { restart },
  );
  const planOf = ({ name, peerId }: Settings['nodes'][number], index: number) => {
    return { name, peerId, http: `http://127.0.0.1:${settings.port + index}` };
  };
  for (const [index, node] of settings.nodes.entries()) supervisor.add(planOf(node, index));
  const logTimer = repeat(deps.clock, LOG_CHECK_MS, () => {
    for (const { name } of settings.nodes) boundLog(layout.node(name).log);
  });

  function publish(): void {
    const running = new Map(supervisor.nodes().map((node) => [node.name, node]));
    const nodes = settings.nodes.map(({ name, peerId, p2p }, index) => {
      const node = running.get(name);
      const { home, token } = layout.node(name);
      const http = node?.http ?? planOf({ name, peerId, p2p, stopped: false, joined: true }, index).http;
      return {
        name,
        pid: node?.pid ?? null,
        peerId,
        http,
        p2p: [...(node?.ready?.p2p ?? p2p)],
        home,
        tokenFile: token,
      };
    });
    writeDevFile(layout, { systemId: settings.systemId, nodes });
  }

  function keep(next: Settings): void {
    settings = next;
    writeSettings(layout, settings);
  }

  const setNode = (name: string, change: Partial<Settings['nodes'][number]>) => {
    keep({
      ...settings,
      nodes: settings.nodes.map((node) => (node.name === name ? { ...node, ...change } : node)),
    });
  };

  const doorOf = ({ name, http }: SupervisedNode) => deps.door({ http, tokenFile: layout.node(name).token });

  const untilReady = (report: (text: string) => void, joining?: string) => {
    const probe = (node: SupervisedNode) => doorOf(node).view();
    return whenReady({ clock: deps.clock, nodes: supervisor.nodes, probe, report, joining }, signal);
  };

  /** Nodes that were added, but that no snapshot names yet: the last start was cut off in between. */
  async function joinNewNodes(): Promise<void> {
    const joining = settings.nodes.filter(({ joined }) => !joined);
    const gateway = supervisor
      .nodes()
      .find(({ name, state }) => state === 'running' && !joining.some((node) => node.name === name));
    if (joining.length === 0 || !gateway) return;
    const admin = await devAdmin(layout, deps.clock);
    const members = (current: readonly Member[]) => {
      const listed = new Set(current.map(({ peerId }) => peerId));
      return [...current, ...joining.filter(({ peerId }) => !listed.has(peerId)).map(asMember)];
    };
    await changeMembers(doorOf(gateway), admin, { members }, deps.clock.now);
    for (const { name } of joining) setNode(name, { joined: true });
  }

  async function startNode(name: string): Promise<SupervisedNode> {
    setNode(name, { stopped: false });
    return await supervisor.start(name);
  }

  async function addNode(progress: (text: string) => void): Promise<SupervisedNode> {
    progress('founding a node');
    keep(await prepareNode(deps, layout, settings));
    const index = settings.nodes.length - 1;
    const node = settings.nodes[index] as Settings['nodes'][number];
    supervisor.add(planOf(node, index));
    progress(`starting ${node.name}`);
    const started = await supervisor.start(node.name);
    progress('adding it to the membership');
    await joinNewNodes();
    await untilReady(progress, node.name);
    return started;
  }

  async function resetNode(name: string): Promise<SupervisedNode> {
    await supervisor.stop(name);
    rmSync(layout.node(name).data, { recursive: true, force: true });
    return await startNode(name);
  }

  return {
    get settings() {
      return settings;
    },
    nodes: supervisor.nodes,
    async start() {
      isReady = true;
      publish();
      const wanted = settings.nodes.filter(({ stopped }) => !stopped);
      // One that fails is tried again by the supervisor; who waits for it is whenReady.
      for (const { name } of wanted) void supervisor.start(name).catch(() => {});
      const failing = await untilReady(deps.report);
      await joinNewNodes();
      return failing;
    },
    async obey({ op, node }, progress) {
      if (op === 'add') return show(await addNode(progress));
      const all = settings.nodes.map(({ name }) => name);
      if (op === 'start' && node === undefined) {
        const stopped = supervisor.nodes().filter(({ state }) => state === 'stopped' || state === 'dead');
        return await Promise.all(stopped.map(async ({ name }) => show(await startNode(name))));
      }
      const name = nameOf(node ?? '', all);
      if (op === 'stop') {
        setNode(name, { stopped: true });
        return show(await supervisor.stop(name));
      }
      return show(await (op === 'start' ? startNode(name) : resetNode(name)));
    },
    async [Symbol.asyncDispose]() {
      logTimer[Symbol.dispose]();
      await supervisor[Symbol.asyncDispose]();
    },
  };
}

/** `node2` or `2`; DEV_NODE_UNKNOWN with what was probably meant. */
export function nameOf(word: string, names: readonly string[]): string {
  const index = nodeIndex(word);
  const name = index === undefined ? undefined : names[index];
  if (name !== undefined) return name;
  throw new P2posError('DEV_NODE_UNKNOWN', {
    name: word,
    next: `p2pctl dev stop ${nearest(word, names) ?? names[0]}`,
  });
}

function show({ name, state, pid, peerId, http }: SupervisedNode) {
  return { name, state, pid, peerId, http };
}

/** The admin of a development system; a proof near its end is made anew, since the system key is here too. */
export async function devAdmin(layout: Layout, clock: Clock): Promise<Admin> {
  const signer = readKeyFile(layout.adminKey);
  const proof = readDocument(adminProofDocument, layout.adminProof);
  if (!needsRenewal(proof, clock.now())) return { signer, proof };
  const renewed = await signAdminProof(
    proof.body.systemId,
    signer,
    readKeyFile(layout.systemKey),
    clock.now(),
  );
  replaceFile(layout.adminProof, renewed.bytes);
  return { signer, proof: renewed };
}

function repeat(clock: Clock, everyMs: number, run: () => void): Disposable {
  let timer: Disposable;
  const next = () => {
    timer = clock.after(everyMs, () => {
      run();
      next();
    });
  };
  next();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
