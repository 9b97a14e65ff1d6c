/** The console in a real browser: opened by a link as a person does, watched for breaches of its policy. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contract } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { CLONE } from './harness.ts';

const EXECUTABLE = '/usr/bin/chromium';
export const hasBrowser = existsSync(EXECUTABLE);
export const PAGE_FOLDER = join(CLONE, 'packages/console/dist');
const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

export async function openBrowser(): Promise<Browser & AsyncDisposable> {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
  return Object.assign(browser, { [Symbol.asyncDispose]: () => browser.close() });
}

type AdminFiles = ({ readonly bundle: string } | { readonly key: string; readonly proof: string }) & {
  readonly passphrase?: string;
};

export interface ConsolePage {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained of: errors of the page, breaches of its policy. */
  readonly complaints: readonly string[];
  /** By the menu. */
  show(title: string): Promise<void>;
  unlock(files: AdminFiles): Promise<void>;
}

/** What the browser complains of from now on. */
export function watchPage(page: Page): readonly string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // Refusals and nodes that are down are part of the story; breaches of the policy are not.
    if (/Content Security Policy|Vue warn/i.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}

/** A context of its own, as another person's browser. */
export async function openConsole(
  browser: Browser,
  { http, token }: { readonly http: string; readonly token: string },
  { dark = false }: { readonly dark?: boolean } = {},
): Promise<ConsolePage> {
  await using client = connect({ url: http, token });
  const { url } = await client.call(contract.session.link, {});
  const context = await browser.newContext({ acceptDownloads: true, colorScheme: dark ? 'dark' : 'light' });
  const page = await context.newPage();
  page.setDefaultTimeout(40_000);
  const complaints = watchPage(page);
  await page.goto(url);
  await page.waitForURL(`${http}/`);
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  return {
    context,
    page,
    complaints,
    async show(title) {
      await page.getByRole('navigation').getByRole('link', { name: title, exact: true }).click();
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
    },
    async unlock(files) {
      await page.getByRole('button', { name: 'Unlock with an admin key' }).click();
      if ('bundle' in files) {
        await page.getByLabel('Admin bundle').fill(files.bundle);
      } else {
        await page.getByLabel('Admin key file').setInputFiles(files.key);
        await page.getByLabel('Admin proof file').setInputFiles(files.proof);
      }
      await page.getByLabel('Passphrase', { exact: true }).fill(files.passphrase ?? '');
      await page.getByRole('button', { name: 'Unlock', exact: true }).click();
      await page.getByRole('button', { name: 'Lock', exact: true }).waitFor();
    },
  };
}

interface Axe {
  run(options: { runOnly?: string[] }): Promise<{ violations: Violation[] }>;
}
interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: readonly string[] }[];
}

/** Findings of axe that keep people out; of these rules alone, or of all. */
export async function seriousFindings(
  { page }: Pick<ConsolePage, 'page'>,
  runOnly?: string[],
): Promise<string[]> {
  // Through the protocol of the browser, which the page's policy does not bind.
  await page.evaluate(axe);
  const violations = await page.evaluate(
    async (options) => {
      const { violations: found } = await (globalThis as unknown as { axe: Axe }).axe.run(options);
      return found;
    },
    runOnly ? { runOnly } : {},
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

/** Everything that the browser keeps for the page beyond its life must be nothing but the session's cookie. */
export async function assertNothingStored({
  page,
  context,
}: Pick<ConsolePage, 'page' | 'context'>): Promise<void> {
  const stored = await page.evaluate(async () => ({
    local: { ...localStorage },
    session: { ...sessionStorage },
    databases: (await indexedDB.databases()).map(({ name }) => name),
    caches: await caches.keys(),
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    cookie: document.cookie,
  }));
  assert.deepEqual(stored, { local: {}, session: {}, databases: [], caches: [], workers: 0, cookie: '' });
  for (const { name, httpOnly } of await context.cookies()) {
    assert.match(name, /^p2pos_12D3KooW/);
    assert.ok(httpOnly);
  }
}
