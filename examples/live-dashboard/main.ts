/**
 * A page that shows what machines measure, as they measure it. `show` serves it, `report` measures this machine.
 *
 *   node main.ts show        node main.ts report NAME
 */
import { createServer, type ServerResponse } from 'node:http';
import { freemem, loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from '@p2pos/sdk';

const client = connect({
  url: (process.env['P2POS_URL'] ?? 'http://127.0.0.1:4180').split(','),
  token: process.env['P2POS_TOKEN'],
});
const EVERY_MS = Number(process.env['EVERY_MS'] ?? 1_000);

async function report(name: string): Promise<void> {
  for (;;) {
    const values = { load: loadavg()[0] ?? 0, freeMiB: Math.round(freemem() / 1_048_576) };
    for (const [what, value] of Object.entries(values))
      await client.pubsub.publish(`metrics.${name}.${what}`, JSON.stringify(value));
    await pause(EVERY_MS);
  }
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>Live</title><h1>Live</h1><table id="t"></table><script>
const rows = new Map();
new EventSource('/events').onmessage = ({ data }) => {
  const { topic, value, at } = JSON.parse(data);
  if (!rows.has(topic)) rows.set(topic, document.getElementById('t').insertRow());
  const row = rows.get(topic);
  row.replaceChildren(...[topic, value, at].map((text) => {
    const cell = document.createElement('td');
    cell.textContent = text;
    return cell;
  }));
};
</script>`;

async function show(): Promise<void> {
  const pages = new Set<ServerResponse>();
  const newest = new Map<string, string>();
  const server = createServer((request, response) => {
    if (request.url !== '/events') {
      response.setHeader('content-type', 'text/html; charset=utf-8').end(PAGE);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    for (const line of newest.values()) response.write(line);
    pages.add(response);
    response.on('close', () => pages.delete(response));
  });
  server.listen(Number(process.env['PORT'] ?? 8081), '127.0.0.1', () => {
    const address = server.address();
    console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`);
  });
  // Of each topic only the newest counts: whoever falls behind skips what is old.
  for await (const event of client.pubsub.subscribe('metrics.>', { slow: 'latest' })) {
    if (event.type !== 'message') continue;
    const { topic, at } = event;
    const line = `data: ${JSON.stringify({ topic, at, value: JSON.parse(event.text()) })}\n\n`;
    newest.set(topic, line);
    for (const page of pages) page.write(line);
  }
}

const [command, name = 'here'] = process.argv.slice(2);
await (command === 'report' ? report(name) : show());
