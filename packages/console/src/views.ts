/** All views of the page, in the order of the menu. */
import type { ViewEntry } from './router.ts';
import { texts } from './texts.ts';
import Apps from './views/apps/Apps.vue';
import Audit from './views/audit/Audit.vue';
import Benchmark from './views/benchmark/Benchmark.vue';
import Conflicts from './views/conflicts/Conflicts.vue';
import Founding from './views/founding/Founding.vue';
import Kv from './views/kv/Kv.vue';
import Members from './views/members/Members.vue';
import Node from './views/node/Node.vue';
import Overview from './views/overview/Overview.vue';
import Settings from './views/settings/Settings.vue';
import Signing from './views/signing/Signing.vue';
import Sql from './views/sql/Sql.vue';
import Topics from './views/topics/Topics.vue';
import Trust from './views/trust/Trust.vue';

export const views: readonly ViewEntry[] = [
  { view: '', title: texts.overview.title, component: Overview, group: 'system' },
  { view: 'members', title: texts.members.title, component: Members, group: 'system' },
  { view: 'settings', title: texts.settings.title, component: Settings, group: 'system' },
  { view: 'trust', title: texts.trust.title, component: Trust, group: 'trust' },
  { view: 'signing', title: texts.signing.title, component: Signing, group: 'trust', needs: 'nothing' },
  { view: 'conflicts', title: texts.conflicts.title, component: Conflicts, group: 'trust' },
  { view: 'audit', title: texts.audit.title, component: Audit, group: 'trust' },
  { view: 'founding', title: texts.founding.title, component: Founding, group: 'trust', needs: 'nothing' },
  { view: 'kv', title: texts.kv.title, component: Kv, group: 'data', needs: 'client' },
  { view: 'sql', title: texts.sql.title, component: Sql, group: 'data', needs: 'streams' },
  { view: 'topics', title: texts.topics.title, component: Topics, group: 'data', needs: 'streams' },
  { view: 'apps', title: texts.apps.title, component: Apps, group: 'data', needs: 'client' },
  { view: 'benchmark', title: texts.benchmark.title, component: Benchmark, group: 'data', needs: 'client' },
  { view: 'nodes', title: texts.node.title, component: Node },
];
