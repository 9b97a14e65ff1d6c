/** The nodes as a ring; lines are the connections of the node that serves the page, a halo marks who holds the key. */
import { svg } from './element.ts';
import { LOOK_TEXT, type NodeView } from './system.ts';

const WIDTH = 640;
const HEIGHT = 480;
const MAX_DISC = 46;

export function drawRing(
  into: SVGSVGElement,
  nodes: readonly NodeView[],
  holders: ReadonlySet<string>,
): void {
  const spots = new Map(nodes.map((node, i) => [node.peerId, spot(i, nodes.length)]));
  const disc = Math.min(MAX_DISC, (Math.PI * 170) / Math.max(4, nodes.length));
  into.replaceChildren(...links(nodes, spots), ...nodes.map((node) => drawNode(node)));

  function drawNode(node: NodeView): SVGGElement {
    const { x, y } = spots.get(node.peerId) as Spot;
    const holds = holders.has(node.peerId);
    const label = `${node.name}: ${LOOK_TEXT[node.look]}${holds ? ', holds the chosen key' : ''}`;
    return svg(
      'g',
      { class: `node ${node.look}${holds ? ' holds' : ''}`, transform: `translate(${x} ${y})` },
      svg('title', {}, label),
      svg('circle', { class: 'halo', r: disc + 7 }),
      svg('circle', { class: 'disc', r: disc }),
      svg('text', { class: 'name', y: 6 }, node.name),
      svg(
        'text',
        { class: 'state', y: disc + 26 },
        node.self ? `${LOOK_TEXT[node.look]} · this page` : LOOK_TEXT[node.look],
      ),
    );
  }
}

interface Spot {
  readonly x: number;
  readonly y: number;
}

function spot(i: number, count: number): Spot {
  const angle = -Math.PI / 2 + (2 * Math.PI * i) / Math.max(1, count);
  return {
    x: Math.round(WIDTH / 2 + 225 * Math.cos(angle)),
    y: Math.round(HEIGHT / 2 - 10 + 165 * Math.sin(angle)),
  };
}

function links(nodes: readonly NodeView[], spots: ReadonlyMap<string, Spot>): SVGLineElement[] {
  const lines: SVGLineElement[] = [];
  for (const [i, a] of nodes.entries()) {
    for (const b of nodes.slice(i + 1)) {
      const from = spots.get(a.peerId) as Spot;
      const to = spots.get(b.peerId) as Spot;
      const down = a.look === 'offline' || b.look === 'offline';
      lines.push(
        svg('line', { class: down ? 'link down' : 'link', x1: from.x, y1: from.y, x2: to.x, y2: to.y }),
      );
    }
  }
  return lines;
}
