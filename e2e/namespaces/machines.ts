/**
 * A network of its own: one namespace per machine, joined by a bridge in another, so that links can be cut one by one
 * and one way. Needs root, `ip` and `nft`; nothing of it is seen outside and all of it goes with the test.
 */
import { createSpaces, run } from './spaces.ts';

export interface Machines extends Disposable {
  /** To be put before a command that shall run on machine `i`. */
  prefix(i: number): readonly string[];
  address(i: number): string;
  /** What `to` would get from `from` is dropped; the way back stays open unless it is cut too. */
  cut(from: number, to: number): void;
  /** All links as new. */
  heal(): void;
}

export function createMachines(count: number): Machines {
  const spaces = createSpaces('p2pos');
  const { name } = spaces;
  const address = (i: number) => `10.97.0.${i + 1}`;
  const inside = (i: number, ...words: string[]) => run('ip', 'netns', 'exec', name(i), ...words);
  spaces.make(() => {
    spaces.addHub();
    for (let i = 0; i < count; i++) {
      spaces.add(i);
      spaces.plug(i, i, 'eth0', `${address(i)}/24`);
      run('ip', '-n', name(i), 'route', 'add', '224.0.0.0/4', 'dev', 'eth0');
      inside(i, 'nft', 'add table inet cuts');
      inside(i, 'nft', 'add chain inet cuts arriving { type filter hook input priority 0; }');
    }
  });
  return {
    prefix: spaces.prefix,
    address,
    cut: (from, to) => inside(to, 'nft', `add rule inet cuts arriving ip saddr ${address(from)} drop`),
    heal() {
      for (let i = 0; i < count; i++) inside(i, 'nft', 'flush chain inet cuts arriving');
    },
    [Symbol.dispose]: spaces[Symbol.dispose],
  };
}
