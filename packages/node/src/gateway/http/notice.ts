/** Small pages for people who come by browser: how to open the console, the way on after a link, an error in words. */
import { createHash } from 'node:crypto';
import type { Answer } from './answer.ts';

const STYLE =
  ':root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}code{font-size:1.05em;padding:.1em .4em;border:1px solid #8886;border-radius:.3em}';

export const NOTICE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** For `/` without a session. */
export const HOW_TO_OPEN = page(
  'P2POS',
  '<h1>A P2POS node runs here</h1><p>Its page opens by a link that works once. To get one, run on this machine:</p><p><code>p2pctl open</code></p><p>Programs use the API with a token: see <a href="/openapi.json">/openapi.json</a>.</p>',
);

/** Our own page leads on, so that the browser sends the strict cookie wherever the link was clicked. */
export const LEAD_ON = page(
  'P2POS',
  '<p>Opening <a href="/">the page</a> …</p>',
  '<meta http-equiv="refresh" content="0; url=/">',
);

export function errorNotice(code: string, message: string): string {
  return page('P2POS', `<h1>${escapeHtml(message)}</h1><p><code>${escapeHtml(code)}</code></p>`);
}

export function noticeAnswer(status: number, body: string): Answer {
  const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': NOTICE_POLICY };
  return { status, headers, body };
}

function page(title: string, body: string, head = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${head}<title>${title}</title><style>${STYLE}</style></head><body>${body}</body></html>\n`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
