/** What the door serves of its own: the page, its description and its metrics. */

import type { Sessions } from '../access/sessions.ts';
import { type Answer, JSON_TYPE } from '../http/answer.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { HOW_TO_OPEN, noticeAnswer } from '../http/notice.ts';
import type { Operation } from '../service.ts';
import { METRICS_CONTENT_TYPE, type Metrics } from './metrics.ts';
import { createOpenApi } from './openapi.ts';
import { PAGE_POLICY, type Page } from './page.ts';

export interface SiteDeps {
  readonly operations: readonly Operation[];
  readonly version: string;
  readonly metrics: Metrics;
  readonly sessions: Sessions;
  readonly page: Page | undefined;
}

export function siteEndpoints({ operations, version, metrics, sessions, page }: SiteDeps): Endpoint[] {
  let description: string | undefined;
  const get = (id: string, path: string, grant: Endpoint['grant'], answer: Endpoint['answer']): Endpoint => ({
    id,
    method: 'GET',
    path,
    grant,
    answer,
  });

  const own = [
    get('site.openapi', '/openapi.json', 'loopback', async () => {
      description ??= JSON.stringify(createOpenApi(operations, { version }));
      return { status: 200, headers: { 'content-type': JSON_TYPE }, body: description };
    }),
    get('site.metrics', '/metrics', 'loopback', async () => ({
      status: 200,
      headers: { 'content-type': METRICS_CONTENT_TYPE },
      body: await metrics.text(),
    })),
    get('site.page', '/', 'none', async ({ headers }) => {
      if (page?.paths.includes('index.html') && sessions.isOpen(headers.cookie))
        return asset(page, 'index.html');
      return noticeAnswer(401, HOW_TO_OPEN);
    }),
  ];
  // Files without data need no session: the page's own requests do.
  const files = (page?.paths ?? [])
    .filter((path) => path !== 'index.html')
    .map((path) => get('site.asset', `/${path}`, 'none', () => asset(page as Page, path)));
  return [...own, ...files];
}

async function asset(page: Page, path: string): Promise<Answer> {
  const { contentType, body } = await page.read(path);
  return {
    status: 200,
    headers: {
      'content-type': contentType,
      'content-security-policy': PAGE_POLICY,
      'cache-control': 'no-cache',
    },
    body,
  };
}
