/** Where the nodes of a ring stand, and which lines run between them. */
import type { NodeView } from '../../system.ts';

export const WIDTH = 640;
export const HEIGHT = 480;
const MAX_DISC = 46;

export interface Spot {
  readonly x: number;
  readonly y: number;
}

export interface Link {
  readonly id: string;
  readonly from: Spot;
  readonly to: Spot;
  readonly down: boolean;
}

export function discRadius(count: number): number {
  return Math.min(MAX_DISC, (Math.PI * 170) / Math.max(4, count));
}

export function spotOf(index: number, count: number): Spot {
  const angle = -Math.PI / 2 + (2 * Math.PI * index) / Math.max(1, count);
  return {
    x: Math.round(WIDTH / 2 + 225 * Math.cos(angle)),
    y: Math.round(HEIGHT / 2 - 10 + 165 * Math.sin(angle)),
  };
}

/** Every pair; in a system of many nodes only those of neighbours, or the picture is black. */
export function linksOf(nodes: readonly NodeView[]): Link[] {
  const links: Link[] = [];
  const reach = nodes.length > 30 ? 1 : nodes.length;
  for (const [i, a] of nodes.entries()) {
    for (const [j, b] of nodes.entries()) {
      if (j <= i || (j - i > reach && i + nodes.length - j > reach)) continue;
      const down = a.look === 'offline' || b.look === 'offline';
      const from = spotOf(i, nodes.length);
      links.push({ id: `${a.peerId} ${b.peerId}`, from, to: spotOf(j, nodes.length), down });
    }
  }
  return links;
}
