/** What the page knows of the system, asked once a second of whoever it talks to; shared by all views. */
import { isP2posError, type NetworkStatus, type PeerStatus } from '@p2pos/protocol';
import { type InjectionKey, inject, onScopeDispose, type ShallowRef, shallowRef } from 'vue';
import type { DevControls, Source } from './source.ts';
import { texts } from './texts.ts';

export type Look = 'healthy' | 'degraded' | 'unconfigured' | 'offline';

export interface NodeView {
  readonly peerId: string;
  readonly name: string;
  readonly look: Look;
  readonly self: boolean;
  readonly peer: PeerStatus;
  /** In a development system: whether its process runs. Undefined elsewhere. */
  readonly running: boolean | undefined;
}

export interface JournalLine {
  readonly id: number;
  readonly at: Date;
  readonly text: string;
}

export interface System {
  readonly source: Source;
  readonly status: ShallowRef<NetworkStatus | undefined>;
  readonly nodes: ShallowRef<readonly NodeView[]>;
  /** What is wrong with the connection, in words. */
  readonly trouble: ShallowRef<string>;
  /** The newest first. */
  readonly journal: ShallowRef<readonly JournalLine[]>;
  say(text: string): void;
  /** Undefined elsewhere than in a development system. */
  readonly dev: ShallowRef<DevControls | undefined>;
  nameOf(peerId: string): string;
  /** Called after every look. */
  onLook(listener: () => void): void;
}

const EVERY_MS = 1_000;
const MAX_LINES = 50;
const KEY: InjectionKey<System> = Symbol('system');
export const systemKey = KEY;

export function useSystem(): System {
  const system = inject(KEY);
  if (!system) throw new Error('no system is provided above this component');
  return system;
}

/** Members, the node itself and who is connected without being a member, by name; a peer without a live connection is not answering, whatever it last said. */
export function nodeViews(peers: readonly PeerStatus[], running: ReadonlyMap<string, boolean>): NodeView[] {
  return peers
    .filter((peer) => peer.member || peer.self || peer.connected || running.has(peer.peerId))
    .map((peer) => ({
      peerId: peer.peerId,
      name: peer.name ?? peer.peerId.slice(-6),
      look: lookOf(peer),
      self: peer.self,
      peer,
      running: running.get(peer.peerId),
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

function lookOf(peer: PeerStatus): Look {
  if (!peer.self && !peer.connected) return 'offline';
  if (!peer.member) return 'unconfigured';
  return peer.state ?? 'degraded';
}

/** In the scope of a component: stops with it. */
export function createSystem(source: Source): System {
  const status = shallowRef<NetworkStatus>();
  const nodes = shallowRef<readonly NodeView[]>([]);
  const trouble = shallowRef('');
  const journal = shallowRef<readonly JournalLine[]>([]);
  const dev = shallowRef<DevControls>();
  const listeners = new Set<() => void>();
  let lines = 0;
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function say(text: string): void {
    journal.value = [{ id: ++lines, at: new Date(), text }, ...journal.value].slice(0, MAX_LINES);
  }

  function compare(before: readonly NodeView[], now: readonly NodeView[]): void {
    if (before.length === 0) return;
    for (const node of now) {
      const old = before.find(({ peerId }) => peerId === node.peerId);
      if (!old) say(texts.overview.joined(node.name));
      else if (old.look !== node.look) say(texts.overview.became(node.name, texts.looks[node.look]));
    }
    for (const old of before)
      if (!now.some(({ peerId }) => peerId === old.peerId)) say(texts.overview.left(old.name));
  }

  async function look(): Promise<void> {
    const before = nodes.value;
    try {
      const [now, peers, controls] = await Promise.all([source.status(), source.peers(), source.dev()]);
      const processes = controls ? (await controls.nodes()).nodes : [];
      dev.value = controls;
      status.value = now;
      nodes.value = nodeViews(peers, new Map(processes.map(({ peerId, running }) => [peerId, running])));
      trouble.value = '';
    } catch (error) {
      nodes.value = before.map((view) => (view.self ? { ...view, look: 'offline' } : view));
      trouble.value = explain(error);
    }
    compare(before, nodes.value);
    for (const listener of listeners) listener();
  }

  async function watch(): Promise<void> {
    if (!document.hidden) await look();
    if (!isOver) timer = setTimeout(watch, EVERY_MS);
  }
  void watch();
  onScopeDispose(() => {
    isOver = true;
    clearTimeout(timer);
    void source.close();
  });

  return {
    source,
    status,
    nodes,
    trouble,
    journal,
    dev,
    say,
    nameOf: (peerId) => nodes.value.find((node) => node.peerId === peerId)?.name ?? peerId.slice(-6),
    onLook(listener) {
      listeners.add(listener);
      onScopeDispose(() => listeners.delete(listener));
    },
  };
}

function explain(error: unknown): string {
  if (isP2posError(error, 'NODE_UNREACHABLE') || isP2posError(error, 'TIMEOUT')) return texts.silent;
  if (isP2posError(error, 'AUTH_REQUIRED')) return texts.sessionOver;
  return error instanceof Error ? error.message : String(error);
}
