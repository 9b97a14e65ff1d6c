/**
 * anchat in a terminal: node examples/anchat/terminal/main.ts --url http://127.0.0.1:4180 --token-file anchat.token --home ~/.anchat
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { P2posError } from '@p2pos/protocol';
import { createIdentity, type KeyPair } from '@p2pos/protocol/e2ee';
import { connect } from '@p2pos/sdk';
import { type Line, timeOf } from '../chat/archive.ts';
import { createChat, type Told } from '../chat/chat.ts';
import { enroll, openDevice } from '../chat/directory.ts';
import type { Store } from '../chat/store.ts';
import { createWallet } from '../chat/wallet.ts';
import { openDiskStore } from './disk-store.ts';

const HELP = `/join ROOM           make a room, or join one that you are in
/invite ROOM ADDRESS   let somebody in
/remove ROOM ADDRESS   put somebody out: they read nothing new
/members ROOM          who is in it, and who is here now
/tell ADDRESS TEXT     to them alone
/unread                where something new was said
/share DEVICE          give another device of yours all that was said
/quit
Anything else goes to the room that you joined last.`;

const { values } = parseArgs({
  options: {
    url: { type: 'string', multiple: true, default: ['http://127.0.0.1:4180'] },
    'token-file': { type: 'string', default: 'anchat.token' },
    home: { type: 'string', default: join(homedir(), '.anchat') },
  },
});

mkdirSync(values.home, { recursive: true, mode: 0o700 });
const token = readFileSync(values['token-file'], 'utf8').trim();
await using client = connect({ url: values.url, token });
using store = openDiskStore(join(values.home, 'anchat.sqlite'));
const device =
  (await openDevice(client, store, Date.now())) ??
  (await enroll(client, store, createWallet(await ownKeys(store)), { now: Date.now() }));
const chat = createChat({ client, store, device });
for (const line of await chat.archive.all()) console.log(shown(line));
console.log(`You are ${chat.address}, on device ${chat.device.slice(0, 8)}. /help tells what there is.`);

let room: string | undefined;
const end = new AbortController();
const listening = (async () => {
  for await (const told of chat.events({ signal: end.signal })) show(told);
})();
const terminal = createInterface({ input: process.stdin, output: process.stdout });
for await (const input of terminal) {
  if (input.trim() === '/quit') break;
  try {
    await run(input.trim());
  } catch (error) {
    console.error(error instanceof P2posError ? error.message : error);
  }
}
end.abort();
await listening;

async function run(input: string): Promise<void> {
  const [word = '', first = '', ...rest] = input.split(/\s+/);
  if (word === '/help') console.log(HELP);
  else if (word === '/join') {
    const { members } = await chat.join(first);
    room = first;
    console.log(`in ${room}: ${members.join(', ')}`);
    await chat.archive.markRead(`#${room}`);
  } else if (word === '/invite') await chat.invite(first, rest[0] ?? '');
  else if (word === '/remove') await chat.remove(first, rest[0] ?? '');
  else if (word === '/members')
    for (const member of (await chat.room(first))?.members ?? [])
      console.log(`${member}${chat.presence.isHere(member) ? ' (here)' : ''}`);
  else if (word === '/tell') await chat.say(first, rest.join(' '));
  else if (word === '/unread') {
    for (const { where, unread } of await chat.archive.conversations())
      if (unread > 0) console.log(`${where}: ${unread}`);
  } else if (word === '/share') await chat.shareHistory(first);
  else if (word.startsWith('/')) console.log(HELP);
  else if (room === undefined) console.log('Join a room first: /join lobby');
  else if (input !== '') await chat.say(`#${room}`, input);
}

function show(told: Told): void {
  if (told.type === 'line') {
    // What was typed here stands there already.
    if (!told.pending) console.log(shown(told.line));
    if (told.line.where === `#${room}`) void chat.archive.markRead(told.line.where);
  } else if (told.type === 'invitation') console.log(`${told.from} invites you: /join ${told.room}`);
  else if (told.type === 'device')
    console.log(`Another device of yours: ${told.id}\n/share ${told.id} gives it all that was said.`);
  else if (told.type === 'history' && told.lines > 0)
    console.log(`${told.lines} older lines came from another device of yours.`);
}

/** Control characters of others do not reach the terminal. */
function shown({ id, where, from, text }: Line): string {
  const at = new Date(timeOf(id)).toTimeString().slice(0, 5);
  const place = where.startsWith('#') ? where : from === where ? 'to you' : `to ${where.slice(0, 6)}`;
  return `${at} ${place} ${from.slice(0, 6)}: ${text.replace(/\p{C}/gu, '')}`;
}

/** A wallet for development: its key lies in the store. */
async function ownKeys(kept: Store): Promise<KeyPair> {
  const before = (await kept.get('wallet')) as KeyPair | undefined;
  if (before) return before;
  const { signing } = await createIdentity();
  await kept.write([['wallet', signing]]);
  return signing;
}
