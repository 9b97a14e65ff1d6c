/** Where things lie in a development system's folder. */
import { join, resolve } from 'node:path';

export interface Layout {
  readonly home: string;
  /** Who runs where: written for other programs, replaced atomically. */
  readonly devFile: string;
  /** Keys, documents and settings of the system; 0700. */
  readonly system: string;
  readonly systemKey: string;
  readonly adminKey: string;
  readonly genesis: string;
  readonly adminProof: string;
  readonly firstSnapshot: string;
  /** Written last when a system is founded: without it there is no system. */
  readonly settings: string;
  /** Held locked by the `dev` that runs. */
  readonly lock: string;
  /** Process id of the `dev` that runs, for messages only; `lock` decides. */
  readonly pid: string;
  /** Where the `dev` that runs takes orders. */
  readonly control: string;
  node(name: string): NodeLayout;
}

export interface NodeLayout {
  readonly home: string;
  readonly config: string;
  readonly token: string;
  readonly log: string;
  readonly data: string;
  readonly genesis: string;
  readonly snapshot: string;
}

export function layoutOf(folder: string): Layout {
  const home = resolve(folder);
  const system = join(home, 'system');
  return {
    home,
    devFile: join(home, 'dev.json'),
    system,
    systemKey: join(system, 'system.key'),
    adminKey: join(system, 'admin.key'),
    genesis: join(system, 'genesis.cbor'),
    adminProof: join(system, 'admin-proof.cbor'),
    firstSnapshot: join(system, 'first-snapshot.cbor'),
    settings: join(system, 'dev-settings.json'),
    lock: join(system, 'dev.lock'),
    pid: join(system, 'dev.pid'),
    control: join(system, 'control.json'),
    node: (name) => nodeLayoutOf(join(home, name)),
  };
}

function nodeLayoutOf(home: string): NodeLayout {
  return {
    home,
    config: join(home, 'node.toml'),
    token: join(home, 'token'),
    log: join(home, 'logs', 'node.log'),
    data: join(home, 'data'),
    genesis: join(home, 'system', 'genesis.cbor'),
    snapshot: join(home, 'system', 'snapshot.cbor'),
  };
}

/** `node0`, `node1`, …; node i is `nodes[i]`. */
export const nodeName = (index: number): string => `node${index}`;

/** The index of `node7` or `7`; undefined for anything else. */
export function nodeIndex(word: string): number | undefined {
  const match = /^(?:node)?(0|[1-9]\d{0,4})$/.exec(word);
  return match ? Number(match[1]) : undefined;
}
