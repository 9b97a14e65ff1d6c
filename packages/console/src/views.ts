/** All views of the page, in the order of the menu. */
import type { ViewEntry } from './router.ts';
import { texts } from './texts.ts';
import Members from './views/members/Members.vue';
import Node from './views/node/Node.vue';
import Overview from './views/overview/Overview.vue';
import Signing from './views/signing/Signing.vue';
import Trust from './views/trust/Trust.vue';

export const views: readonly ViewEntry[] = [
  { view: '', title: texts.overview.title, component: Overview, group: 'system' },
  { view: 'members', title: texts.members.title, component: Members, group: 'system' },
  { view: 'trust', title: texts.trust.title, component: Trust, group: 'trust' },
  { view: 'signing', title: texts.signing.title, component: Signing, group: 'trust' },
  { view: 'nodes', title: texts.node.title, component: Node },
];
