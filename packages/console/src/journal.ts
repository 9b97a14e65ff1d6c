/** What changed, newest first. */
import { html } from './element.ts';
import { LOOK_TEXT, type NodeView } from './system.ts';

const MAX_LINES = 50;

export function createJournal(into: HTMLElement) {
  let before = new Map<string, NodeView>();

  function say(text: string): void {
    const at = new Date();
    into.prepend(
      html(
        'li',
        {},
        html('time', { datetime: at.toISOString() }, at.toLocaleTimeString()),
        html('span', {}, text),
      ),
    );
    while (into.children.length > MAX_LINES) into.lastElementChild?.remove();
  }

  return {
    say,
    /** Tells each difference to what was seen last. */
    compare(nodes: readonly NodeView[]): void {
      for (const node of nodes) {
        const old = before.get(node.peerId);
        if (!old) {
          if (before.size > 0) say(`${node.name} joined the system`);
        } else if (old.look !== node.look) {
          say(`${node.name} is ${LOOK_TEXT[node.look]}`);
        }
      }
      for (const old of before.values()) {
        if (nodes.length > 0 && !nodes.some((node) => node.peerId === old.peerId))
          say(`${old.name} left the system`);
      }
      before = new Map(nodes.map((node) => [node.peerId, node]));
    },
  };
}
