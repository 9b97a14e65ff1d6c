/** Network namespaces and the cables between them; all of it goes with the test. Needs root, `ip` and `nft`. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

export interface Spaces extends Disposable {
  /** As the system knows it. */
  name(what: string | number): string;
  /** To be put before a command that shall run there. */
  prefix(what: string | number): readonly string[];
  /** Undoes everything when `build` throws. */
  make(build: () => void): void;
  add(what: string | number): void;
  /** A switch that machines are plugged into. */
  addHub(): void;
  /** A cable from port `port` of the hub to `device` of a namespace, which gets the address `cidr`. */
  plug(port: number, to: string | number, device: string, cidr: string): void;
  /** A cable; its far end gets the address `cidr`. */
  link(from: string | number, near: string, to: string | number, far: string, cidr: string): void;
}

/** Not the process id: what a run that was killed left behind may bear the same. */
const RUN = randomBytes(4).toString('hex');

/** Why there can be none here; undefined: there can. */
export function missingForNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'skipped: needs root for network namespaces';
  for (const program of ['ip', 'nft']) {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`]);
    } catch {
      return `skipped: needs ${program} (Debian: iproute2, nftables)`;
    }
  }
  try {
    run('ip', 'netns', 'add', `p2pos-try-${RUN}`);
    run('ip', 'netns', 'del', `p2pos-try-${RUN}`);
  } catch {
    return 'skipped: needs the right to make network namespaces';
  }
  return undefined;
}

export function createSpaces(prefix: string): Spaces {
  const made: string[] = [];
  const name = (what: string | number) => `${prefix}-${RUN}-${what}`;
  const inside = (what: string | number, ...words: string[]) => run('ip', '-n', name(what), ...words);
  const dispose = () => {
    for (const one of made.splice(0)) run('ip', 'netns', 'del', one);
  };
  const spaces: Spaces = {
    name,
    prefix: (what) => ['ip', 'netns', 'exec', name(what)],
    make(build) {
      try {
        build();
      } catch (error) {
        dispose();
        throw error;
      }
    },
    add(what) {
      run('ip', 'netns', 'add', name(what));
      made.push(name(what));
      inside(what, 'link', 'set', 'lo', 'up');
    },
    addHub() {
      spaces.add('hub');
      inside('hub', 'link', 'add', 'bridge', 'type', 'bridge');
      inside('hub', 'link', 'set', 'bridge', 'up');
    },
    plug(port, to, device, cidr) {
      spaces.link('hub', `port${port}`, to, device, cidr);
      inside('hub', 'link', 'set', `port${port}`, 'master', 'bridge');
    },
    link(from, near, to, far, cidr) {
      inside(from, 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name(to));
      inside(from, 'link', 'set', near, 'up');
      inside(to, 'address', 'add', cidr, 'dev', far);
      inside(to, 'link', 'set', far, 'up');
    },
    [Symbol.dispose]: dispose,
  };
  return spaces;
}

export function run(program: string, ...words: string[]): void {
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
