/** All views of the page, in the order of the menu. */
import type { ViewEntry } from './router.ts';
import { texts } from './texts.ts';
import Node from './views/node/Node.vue';
import Overview from './views/overview/Overview.vue';

export const views: readonly ViewEntry[] = [
  { view: '', title: texts.overview.title, component: Overview, group: 'system' },
  { view: 'nodes', title: texts.node.title, component: Node },
];
