/**
 * Settings that programs share and follow: changed in one place, in force everywhere at once, never half.
 *
 *   node main.ts set NAME JSON        node main.ts follow
 */
import { connect, P2posError } from '@p2pos/sdk';

const client = connect({
  url: (process.env['P2POS_URL'] ?? 'http://127.0.0.1:4180').split(','),
  token: process.env['P2POS_TOKEN'],
});
const KEY = 'config/shop';

/** All settings under one key, so that those that belong together change together. */
interface Config {
  readonly open: boolean;
  readonly maxOrders: number;
  readonly banner: string;
}
const DEFAULTS: Config = { open: true, maxOrders: 100, banner: '' };

/** Throws for what no program could use: a bad value is refused where it is set, not where it is read. */
function checked(value: Record<string, unknown>): Config {
  for (const [name, given] of Object.entries(value)) {
    const wanted = typeof DEFAULTS[name as keyof Config];
    if (!Object.hasOwn(DEFAULTS, name)) throw new TypeError(`there is no setting ${name}`);
    if (typeof given !== wanted) throw new TypeError(`${name} must be a ${wanted}`);
  }
  return { ...DEFAULTS, ...value };
}

/** Two who change settings at once: the second reads again, so neither undoes the other. */
async function change(edit: (config: Config) => Config): Promise<Config> {
  for (;;) {
    const entry = await client.kv.cas.get(KEY);
    const next = edit(entry ? checked(JSON.parse(entry.text())) : DEFAULTS);
    try {
      await client.kv.cas.compareAndSet(KEY, JSON.stringify(next), entry?.version ?? null);
      return next;
    } catch (error) {
      if (!(error instanceof P2posError && error.code === 'CAS_CONDITION_FAILED')) throw error;
    }
  }
}

/** The settings in force, again at every change; the last good ones stay in force while no node answers. */
async function* follow(): AsyncGenerator<Config> {
  yield DEFAULTS;
  for await (const event of client.kv.watch(KEY, { cas: true })) {
    if (event.type !== 'change' || event.key !== KEY) continue;
    try {
      yield event.deleted ? DEFAULTS : checked(JSON.parse(event.text()));
    } catch (error) {
      console.error(`ignored: ${error}`);
    }
  }
}

const [command, name = '', value = 'null'] = process.argv.slice(2);
try {
  if (command === 'set') {
    console.log(JSON.stringify(await change((config) => checked({ ...config, [name]: JSON.parse(value) }))));
  } else {
    for await (const config of follow()) console.log(JSON.stringify(config));
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
await client.close();
