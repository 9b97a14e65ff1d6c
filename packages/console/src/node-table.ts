/** One row a node, with the button that kills it where that is possible. */
import { html } from './element.ts';
import { LOOK_TEXT, type NodeView } from './system.ts';

export interface NodeActions {
  readonly kill: (node: NodeView) => void;
  readonly start: (node: NodeView) => void;
}

/** Keeps the rows it has, so that a button under the pointer stays while the figures change. */
export function drawNodeTable(into: HTMLElement, nodes: readonly NodeView[], actions: NodeActions): void {
  const rows = new Map(
    [...into.children].map((row) => [row.getAttribute('data-peer'), row as HTMLTableRowElement]),
  );
  const wanted = nodes.map((node) => {
    const row = rows.get(node.peerId) ?? createRow(node);
    const [name, state, roundTrip, stored, act] = row.cells;
    set(name, node.self ? `${node.name} (serves this page)` : node.name);
    if (state) state.replaceChildren(html('i', { class: `dot ${node.look}` }), ` ${LOOK_TEXT[node.look]}`);
    set(roundTrip, node.self ? '–' : node.roundTripMs === null ? '' : `${node.roundTripMs.toFixed(1)} ms`);
    set(stored, node.storedBytes === undefined ? '' : formatBytes(node.storedBytes));
    if (act) drawAction(act, node, actions);
    return row;
  });
  const same = wanted.length === into.children.length && wanted.every((row, i) => row === into.children[i]);
  if (!same) into.replaceChildren(...wanted);
}

function createRow(node: NodeView): HTMLTableRowElement {
  return html(
    'tr',
    { 'data-peer': node.peerId, title: node.peerId },
    html('td'),
    html('td'),
    html('td', { class: 'number' }),
    html('td', { class: 'number' }),
    html('td', { class: 'act' }),
  );
}

function set(cell: HTMLElement | undefined, text: string): void {
  if (cell && cell.textContent !== text) cell.textContent = text;
}

function drawAction(cell: HTMLElement, node: NodeView, { kill, start }: NodeActions): void {
  const wanted = node.running === undefined ? '' : node.running ? 'kill -9' : 'start';
  const shown = cell.firstElementChild?.textContent ?? '';
  if (shown === wanted) return;
  cell.replaceChildren(...(wanted ? [createButton(wanted, node, { kill, start })] : []));
}

function createButton(wanted: string, node: NodeView, { kill, start }: NodeActions): HTMLButtonElement {
  const button = html('button', { type: 'button', class: wanted === 'start' ? '' : 'kill' }, wanted);
  button.setAttribute('aria-label', `${wanted} ${node.name}`);
  button.addEventListener('click', () => (wanted === 'start' ? start(node) : kill(node)));
  return button;
}

function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(0)} KiB`;
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
