/** Tenants: their quotas, their tokens, what they used; suspended, resumed, deleted. */
import type { AppInfo, AppQuotas, AppUsage, AuditEntry, TokenInfo } from '@p2pos/protocol';
import { computed, reactive, ref, shallowRef } from 'vue';
import type { System } from '../../system.ts';
import { createTask } from '../../task.ts';
import { texts } from '../../texts.ts';

const t = texts.apps;
const DAY_MS = 86_400_000;
export const QUOTAS = ['requests', 'messages', 'storedBytes', 'databases'] as const;

export function useApps({ source: { client } }: System) {
  const apps = shallowRef<readonly AppInfo[]>([]);
  const chosen = ref('');
  const tokens = shallowRef<readonly TokenInfo[]>([]);
  const usage = shallowRef<AppUsage>();
  const audit = shallowRef<readonly AuditEntry[]>([]);
  /** Shown once, then forgotten. */
  const secret = ref('');
  const quotas = reactive<Record<(typeof QUOTAS)[number], string>>({
    requests: '',
    messages: '',
    storedBytes: '',
    databases: '',
  });
  const task = createTask();
  const tokenTask = createTask();
  const info = computed(() => apps.value.find(({ app }) => app === chosen.value));

  function api() {
    if (!client) throw new Error(texts.noClient);
    return client;
  }

  async function list(): Promise<void> {
    apps.value = await api().apps.list();
    audit.value = await api().audit(20);
  }

  async function open(app: string): Promise<void> {
    if (app !== chosen.value) secret.value = '';
    chosen.value = app;
    [tokens.value, usage.value] = await Promise.all([api().apps.tokens.list(app), api().apps.usage(app)]);
    for (const name of QUOTAS) quotas[name] = String(info.value?.quotas[name] ?? '');
  }

  /** Does it, and shows what is there then. */
  function change(work: () => Promise<string>, on = task): Promise<boolean> {
    return on.run(async () => {
      const said = await work();
      await list();
      if (apps.value.some(({ app }) => app === chosen.value)) await open(chosen.value);
      else chosen.value = '';
      return said;
    });
  }

  return {
    apps,
    chosen,
    info,
    tokens,
    usage,
    audit,
    secret,
    quotas,
    task,
    tokenTask,
    usageOf: (app: string) => api().apps.usage(app),
    list: () => task.run(async () => void (await list())),
    open: (app: string) => task.latest(async () => void (await open(app))),
    create: (app: string) =>
      change(async () => {
        const { created } = await api().apps.put(app);
        chosen.value = app;
        return created ? t.created(app) : t.wasThere(app);
      }),
    saveQuotas: () =>
      change(async () => {
        const wanted = QUOTAS.filter((name) => quotas[name] !== '').map((name) => [
          name,
          Number(quotas[name]),
        ]);
        await api().apps.put(chosen.value, { quotas: Object.fromEntries(wanted) as AppQuotas });
        return t.saved;
      }),
    suspend: () =>
      change(async () => {
        await api().apps.suspend(chosen.value);
        return t.isSuspended;
      }),
    resume: () =>
      change(async () => {
        await api().apps.resume(chosen.value);
        return t.isResumed;
      }),
    remove: (confirm: string) =>
      change(async () => {
        const { deleted } = await api().apps.delete(chosen.value, { confirm });
        return t.isDeleted(Object.entries(deleted).map(([what, count]) => `${count} ${what}`));
      }),
    issue: (grants: readonly string[], label: string, days: number) =>
      change(async () => {
        const issued = await api().apps.tokens.create(chosen.value, {
          grants,
          ...(label !== '' && { label }),
          ...(days > 0 && { expiresInMs: days * DAY_MS }),
        });
        secret.value = issued.token;
        return t.issued;
      }, tokenTask),
    rotate: (id: string) =>
      change(async () => {
        secret.value = (await api().apps.tokens.rotate(chosen.value, id)).token;
        return t.issued;
      }, tokenTask),
    revoke: (id: string) =>
      change(async () => {
        await api().apps.tokens.revoke(chosen.value, id);
        return t.isRevoked;
      }, tokenTask),
  };
}
