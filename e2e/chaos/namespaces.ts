/**
 * A network of its own: one namespace per machine, joined by a bridge in another, so that links can be cut one by one
 * and one way. Needs root, `ip` and `nft`; nothing of it is seen outside and all of it goes with the test.
 */
import { execFileSync } from 'node:child_process';

export interface Machines extends Disposable {
  /** To be put before a command that shall run on machine `i`. */
  prefix(i: number): readonly string[];
  address(i: number): string;
  /** What `to` would get from `from` is dropped; the way back stays open unless it is cut too. */
  cut(from: number, to: number): void;
  /** All links as new. */
  heal(): void;
}

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
    run('ip', 'netns', 'add', `p2pos-try-${process.pid}`);
    run('ip', 'netns', 'del', `p2pos-try-${process.pid}`);
  } catch {
    return 'skipped: needs the right to make network namespaces';
  }
  return undefined;
}

export function createMachines(count: number): Machines {
  const name = (what: string | number) => `p2pos-${process.pid}-${what}`;
  const address = (i: number) => `10.97.0.${i + 1}`;
  const made: string[] = [];
  const inside = (i: number, ...words: string[]) => run('ip', 'netns', 'exec', name(i), ...words);
  const dispose = () => {
    for (const one of made.splice(0)) run('ip', 'netns', 'del', one);
  };
  try {
    run('ip', 'netns', 'add', name('hub'));
    made.push(name('hub'));
    const hub = (...words: string[]) => run('ip', '-n', name('hub'), ...words);
    hub('link', 'add', 'bridge', 'type', 'bridge');
    hub('link', 'set', 'bridge', 'up');
    for (let i = 0; i < count; i++) {
      run('ip', 'netns', 'add', name(i));
      made.push(name(i));
      run('ip', '-n', name(i), 'link', 'set', 'lo', 'up');
      hub('link', 'add', `port${i}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name(i));
      hub('link', 'set', `port${i}`, 'master', 'bridge', 'up');
      run('ip', '-n', name(i), 'address', 'add', `${address(i)}/24`, 'dev', 'eth0');
      run('ip', '-n', name(i), 'link', 'set', 'eth0', 'up');
      run('ip', '-n', name(i), 'route', 'add', '224.0.0.0/4', 'dev', 'eth0');
      inside(i, 'nft', 'add table inet cuts');
      inside(i, 'nft', 'add chain inet cuts arriving { type filter hook input priority 0; }');
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    prefix: (i) => ['ip', 'netns', 'exec', name(i)],
    address,
    cut: (from, to) => inside(to, 'nft', `add rule inet cuts arriving ip saddr ${address(from)} drop`),
    heal() {
      for (let i = 0; i < count; i++) inside(i, 'nft', 'flush chain inet cuts arriving');
    },
    [Symbol.dispose]: dispose,
  };
}

function run(program: string, ...words: string[]): void {
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
