/** The page at `/`: asks its node once a second and draws what it says. */
import { DoorError, door } from './door.ts';
import { byId } from './element.ts';
import { createJournal } from './journal.ts';
import { createKeyPanel } from './key-panel.ts';
import { drawNodeTable } from './node-table.ts';
import { drawRing } from './ring.ts';
import { type NodeView, nodeViews, silent } from './system.ts';

const EVERY_MS = 1_000;

let nodes: readonly NodeView[] = [];
const journal = createJournal(byId('journal'));
const keyPanel = createKeyPanel({
  nameOf: (peerId) => nodes.find((node) => node.peerId === peerId)?.name ?? peerId.slice(-6),
  changed: draw,
  say: journal.say,
});
const actions = {
  kill: (node: NodeView) => act(`kill -9 ${node.name}`, () => door.kill(node.name)),
  start: (node: NodeView) => act(`starting ${node.name}`, () => door.start(node.name)),
};

async function act(what: string, run: () => Promise<unknown>): Promise<void> {
  journal.say(what);
  // The node that is killed may be the one that was to answer.
  await run().catch((error: unknown) => {
    if (!(error instanceof DoorError && error.code === 'UNREACHABLE')) journal.say(`${what}: ${error}`);
  });
}

function draw(): void {
  drawRing(byId<SVGSVGElement>('ring'), nodes, keyPanel.holders());
  drawNodeTable(byId('nodes'), nodes, actions);
}

function summarize(text: string): void {
  const summary = byId('summary');
  if (summary.textContent !== text) summary.textContent = text;
}

async function look(): Promise<void> {
  try {
    const [status, { peers }, dev] = await Promise.all([door.status(), door.peers(), door.devNodes()]);
    nodes = nodeViews(peers, new Map(dev?.nodes.map((node) => [node.peerId, node.running])));
    const answering = nodes.filter((node) => node.look !== 'offline').length;
    summarize(`${answering} of ${nodes.length} nodes answer · this node is ${status.state}`);
    byId('system').textContent = status.systemId;
    byId('system').title = `snapshot ${status.epoch}`;
  } catch (error) {
    nodes = silent(nodes);
    summarize(explain(error));
  }
  journal.compare(nodes);
  draw();
}

function explain(error: unknown): string {
  if (!(error instanceof DoorError)) return String(error);
  if (error.code === 'UNREACHABLE') return 'The node that serves this page does not answer. Trying again …';
  if (error.code === 'AUTH_REQUIRED') return 'This session has ended. Open a new link: npx p2pctl open';
  return error.message;
}

async function watch(): Promise<never> {
  for (;;) {
    if (!document.hidden) await look();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

void keyPanel.refresh();
void watch();
