/**
 * Keeps the node processes of one development system running: starts them together, starts one that died again
 * after 2 s (later and later when it keeps failing), and ends them all when it is disposed.
 */
import { type DevNode, P2posError } from '@p2pos/protocol';
import type { z } from 'zod';
import { type Clock, settlesWithin } from '../clock.ts';
import type { Ending, NodeProcess, Order, Ready } from './node-process.ts';

const RESTART_DELAY_MS = 2_000;
const MAX_RESTART_DELAY_MS = 60_000;
/** A process that lived so long did start well, whatever came after. */
const STEADY_MS = 30_000;

export interface SupervisorDeps {
  readonly clock: Clock;
  readonly spawn: (name: string, onOrder: (order: Order) => Promise<unknown>) => NodeProcess;
  /** A line for the person in front of the screen. */
  readonly report: (text: string) => void;
  /** Something in `nodes()` differs from before. */
  readonly onChange: () => void;
}

export interface SupervisorConfig {
  /** False: a node that died stays dead until it is started by name. */
  readonly restart: boolean;
  /** How long a node may take to stop in order. */
  readonly stopTimeoutMs?: number;
}

export type ProcessState = 'starting' | 'running' | 'stopping' | 'stopped' | 'waiting' | 'dead';

/** Known of a node before it runs. */
export interface NodePlan {
  readonly name: string;
  readonly peerId: string;
  readonly http: string;
}

export interface SupervisedNode extends NodePlan {
  readonly state: ProcessState;
  readonly pid: number | null;
  /** What it said when it was last ready. */
  readonly ready: Ready | undefined;
  /** Starts in a row that came to nothing, and the last one's reason. */
  readonly failures: number;
  readonly reason: string | undefined;
}

export interface Supervisor extends AsyncDisposable {
  nodes(): SupervisedNode[];
  /** Adds a node that is not running yet. */
  add(plan: NodePlan): void;
  /** Resolves when the node serves. NODE_START_FAILED when it ends before. */
  start(name: string): Promise<SupervisedNode>;
  /** Stops it in order; it stays stopped. */
  stop(name: string): Promise<SupervisedNode>;
  /** SIGKILL. It comes back as any node that died. */
  kill(name: string): Promise<SupervisedNode>;
}

interface Slot extends NodePlan {
  state: ProcessState;
  process: NodeProcess | undefined;
  ready: Ready | undefined;
  failures: number;
  reason: string | undefined;
  startedAt: number;
  timer: Disposable | undefined;
}

export function createSupervisor(deps: SupervisorDeps, config: SupervisorConfig): Supervisor {
  const { clock, report } = deps;
  const slots = new Map<string, Slot>();
  let isClosing = false;

  const find = (name: string): Slot => {
    const slot = slots.get(name);
    if (!slot) throw new P2posError('DEV_NODE_UNKNOWN', { name });
    return slot;
  };
  const view = ({ name, peerId, http, state, process, ready, failures, reason }: Slot): SupervisedNode => {
    return {
      name,
      peerId,
      http: ready?.http ?? http,
      state,
      pid: process?.pid ?? null,
      ready,
      failures,
      reason,
    };
  };
  const change = (slot: Slot, state: ProcessState) => {
    slot.state = state;
    deps.onChange();
  };

  function launch(slot: Slot): NodeProcess {
    slot.timer?.[Symbol.dispose]();
    const process = deps.spawn(slot.name, obey);
    Object.assign(slot, { process, startedAt: clock.now(), timer: undefined });
    change(slot, 'starting');
    void process.ready.then((ready) => {
      if (!ready || slot.process !== process) return;
      const isBack = slot.ready !== undefined || slot.failures > 0;
      slot.ready = ready;
      if (slot.state !== 'starting') return;
      change(slot, 'running');
      if (isBack) report(`${slot.name} is back (pid ${process.pid})`);
    });
    void process.ended.then((ending) => onEnd(slot, process, ending));
    return process;
  }

  function onEnd(slot: Slot, process: NodeProcess, ending: Ending): void {
    if (slot.process !== process) return;
    const before = slot.state;
    slot.process = undefined;
    if (before === 'stopping' || isClosing) {
      change(slot, 'stopped');
      return;
    }
    const hadStarted =
      before === 'running' && (ending.signal !== null || clock.now() - slot.startedAt >= STEADY_MS);
    const isSameReason = slot.reason === ending.reason;
    slot.failures = hadStarted ? 0 : slot.failures + 1;
    slot.reason = hadStarted ? undefined : ending.reason;
    const delayMs = Math.min(RESTART_DELAY_MS * 2 ** Math.max(0, slot.failures - 1), MAX_RESTART_DELAY_MS);
    const next = config.restart
      ? `starting it again in ${delayMs / 1_000} s`
      : `it stays dead (--no-restart)`;
    report(`${describe(slot, process, ending, before)}; ${next}`);
    if (slot.failures > 0 && !isSameReason)
      for (const line of ending.lastLines) report(`  ${slot.name} | ${line}`);
    if (config.restart) slot.timer = clock.after(delayMs, () => launch(slot));
    change(slot, config.restart ? 'waiting' : 'dead');
  }

  async function obey({ op, name }: Order): Promise<unknown> {
    if (op === 'nodes') return [...slots.values()].map(view).map(toDevNode);
    return toDevNode(op === 'kill' ? await supervisor.kill(name) : await supervisor.start(name));
  }

  async function end(slot: Slot): Promise<void> {
    slot.timer?.[Symbol.dispose]();
    slot.timer = undefined;
    const { process } = slot;
    if (!process) return change(slot, 'stopped');
    change(slot, 'stopping');
    process.stop();
    const timeoutMs = config.stopTimeoutMs ?? 10_000;
    if (!(await settlesWithin(clock, timeoutMs, process.ended))) {
      report(`${slot.name} did not stop within ${timeoutMs / 1_000} s; ending it at once`);
      process.kill();
    }
    await process.ended;
  }

  const supervisor: Supervisor = {
    nodes: () => [...slots.values()].map(view),
    add(plan) {
      const nothingYet = { process: undefined, ready: undefined, reason: undefined, timer: undefined };
      slots.set(plan.name, { ...plan, ...nothingYet, state: 'stopped', failures: 0, startedAt: 0 });
      deps.onChange();
    },
    async start(name) {
      const slot = find(name);
      if (slot.state === 'stopping') await slot.process?.ended;
      if (isClosing)
        throw new P2posError('NODE_START_FAILED', { name, reason: 'the system is being stopped' });
      const process = slot.process ?? launch(slot);
      if (!(await process.ready))
        throw new P2posError('NODE_START_FAILED', { name, reason: (await process.ended).reason });
      return view(slot);
    },
    async stop(name) {
      const slot = find(name);
      await end(slot);
      return view(slot);
    },
    async kill(name) {
      const slot = find(name);
      const { process } = slot;
      process?.kill();
      await process?.ended;
      return view(slot);
    },
    async [Symbol.asyncDispose]() {
      isClosing = true;
      await Promise.all([...slots.values()].map(end));
    },
  };
  return supervisor;
}

/** As `DevNode` of the contract. */
export function toDevNode({ name, peerId, http, pid, state }: SupervisedNode): z.infer<typeof DevNode> {
  return { name, peerId, http, pid, running: state === 'running' };
}

function describe(slot: Slot, process: NodeProcess, ending: Ending, before: ProcessState): string {
  const who = `${slot.name} (pid ${process.pid})`;
  if (before !== 'running') return `${who} did not start: ${ending.reason}`;
  return ending.signal ? `${who} was ended by ${ending.signal}` : `${who} ended: ${ending.reason}`;
}
