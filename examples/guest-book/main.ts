/** A guest book on the web: every entry is a key, so any number of these servers, at any nodes, show the same book. */
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type KvEntry } from '@p2pos/sdk';

const client = connect({
  url: (process.env['P2POS_URL'] ?? 'http://127.0.0.1:4180').split(','),
  token: process.env['P2POS_TOKEN'],
});
const MAX_TEXT = 500;
const SHOWN = 50;

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly at: string;
}

/** Keys sort by time, the newest first; the random end keeps two entries of one millisecond apart. */
async function sign(name: string, text: string): Promise<void> {
  const backwards = (Number.MAX_SAFE_INTEGER - Date.now()).toString().padStart(16, '0');
  const entry: Entry = { name, text, at: new Date().toISOString() };
  await client.kv.put(`guests/${backwards}-${crypto.randomUUID().slice(0, 8)}`, JSON.stringify(entry));
}

async function entries(): Promise<Entry[]> {
  const { keys } = await client.kv.page({ prefix: 'guests/', limit: SHOWN });
  const found = await Promise.all(keys.map((key) => client.kv.get(key)));
  return found.filter((one): one is KvEntry => one !== undefined).map((one) => JSON.parse(one.text()));
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 10_000) throw new RangeError('the form is too large');
  }
  return new URLSearchParams(body);
}

const safe = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

function page(list: readonly Entry[]): string {
  const items = list.map(({ name, text, at }) => `<li><b>${safe(name)}</b> ${safe(text)} <i>${safe(at)}</i>`);
  return `<!doctype html><meta charset="utf-8"><title>Guest book</title><h1>Guest book</h1>
<form method="post"><input name="name" required maxlength="50" placeholder="Name">
<input name="text" required maxlength="${MAX_TEXT}" placeholder="What you want to say"> <button>Sign</button></form>
<ul>${items.join('\n')}</ul>`;
}

const server = createServer(async (request, response) => {
  try {
    if (request.method === 'POST') {
      const form = await formOf(request);
      await sign(form.get('name')?.slice(0, 50) || 'somebody', form.get('text')?.slice(0, MAX_TEXT) ?? '');
      response.writeHead(303, { location: '/' }).end();
    } else {
      response.setHeader('content-type', 'text/html; charset=utf-8').end(page(await entries()));
    }
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error));
  }
});

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`);
});
