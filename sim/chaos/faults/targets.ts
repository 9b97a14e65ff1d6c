/** Whom it strikes: those that hold one key, so that the troubles of its replicas meet. */
import { PLAIN_KEYS } from '../clients/clients.ts';
import { REGISTER_KEYS, REGISTERS } from '../clients/registers.ts';
import type { Ground } from './ground.ts';

const utf8 = new TextEncoder();

interface Holders {
  readonly now: readonly number[];
  /** During a move: who held it before. */
  readonly before: readonly number[];
}

function holdersOf({ sim }: Ground, namespace: string, key: string): Holders {
  const asked = sim.nodes.find(({ membership, peerId }, i) => sim.isUp(i) && membership.isActive(peerId));
  if (!asked) return { now: [], before: [] };
  const { replicas, previous } = asked.records.locate({ namespace, partition: utf8.encode(key) });
  const numbers = (peerIds: readonly string[]) =>
    peerIds.map((peerId) => sim.nodes.findIndex((node) => node.peerId === peerId)).filter((i) => i >= 0);
  return { now: numbers(replicas), before: numbers(previous) };
}

/** Of one of the clients' keys. */
export function randomHolders(ground: Ground): Holders {
  const { random } = ground;
  return random.chance(0.5)
    ? holdersOf(ground, 'default/kv', `k${random.below(PLAIN_KEYS)}`)
    : holdersOf(ground, `default${REGISTERS}`, `r${random.below(REGISTER_KEYS)}`);
}

/** Another that holds a key which this one holds; undefined: none was found. */
export function fellowOf(ground: Ground, i: number): number | undefined {
  for (let tries = 0; tries < 20; tries++) {
    const { now } = randomHolders(ground);
    const others = now.filter((j) => j !== i);
    if (others.length < now.length && others.length > 0) return ground.random.pick(others);
  }
  return undefined;
}

/** Of a key that moves: one that takes it and one that gives it; none where nothing moves. */
export function movedBetween(ground: Ground): number[] {
  for (let tries = 0; tries < 20; tries++) {
    const { now, before } = randomHolders(ground);
    if (before.length === 0) continue;
    const taking = now.filter((i) => !before.includes(i));
    if (taking.length > 0) return [ground.random.pick(taking), ground.random.pick(before)];
  }
  return [];
}
