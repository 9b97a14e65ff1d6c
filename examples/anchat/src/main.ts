/**
 * anchat in a terminal: node examples/anchat/src/main.ts --url http://127.0.0.1:4180 --token-file anchat.token --home ~/.anchat
 */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { fromBase64url, P2posError, toBase64url } from '@p2pos/protocol';
import { createIdentity } from '@p2pos/protocol/e2ee';
import { connect } from '@p2pos/sdk';
import { createChat, type Line } from './chat.ts';
import { enroll } from './directory.ts';
import { createWallet, type Wallet } from './wallet.ts';

const HELP = `/join ROOM           make a room, or join one that you are in
/invite ROOM ADDRESS   let somebody in
/remove ROOM ADDRESS   put somebody out: they read nothing new
/tell ADDRESS TEXT     to them alone
/quit
Anything else goes to the room that you joined last.`;

const { values } = parseArgs({
  options: {
    url: { type: 'string', multiple: true, default: ['http://127.0.0.1:4180'] },
    'token-file': { type: 'string', default: 'anchat.token' },
    home: { type: 'string', default: join(homedir(), '.anchat') },
  },
});

await mkdir(values.home, { recursive: true, mode: 0o700 });
const token = (await readFile(values['token-file'], 'utf8')).trim();
await using client = connect({ url: values.url, token });
const wallet = await openWallet(join(values.home, 'wallet'));
// Each run is a device of its own: what was said before is in the archive, whose reader is this machine alone.
const archive = join(values.home, 'archive.txt');
process.stdout.write(await readFile(archive, 'utf8').catch(() => ''));
const chat = createChat(client, await enroll(client, wallet, Date.now()));
console.log(`You are ${chat.address}. /help tells what there is.`);

const end = new AbortController();
const listening = (async () => {
  for await (const line of chat.lines({ signal: end.signal })) {
    const text = shown(line);
    console.log(text);
    await appendFile(archive, `${text}\n`, { mode: 0o600 });
  }
})();
let room: string | undefined;
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
  } else if (word === '/invite') await chat.invite(first, rest[0] ?? '');
  else if (word === '/remove') await chat.remove(first, rest[0] ?? '');
  else if (word === '/tell') await chat.tell(first, rest.join(' '));
  else if (word.startsWith('/')) console.log(HELP);
  else if (room === undefined) console.log('Join a room first: /join lobby');
  else if (input !== '') await chat.say(room, input);
}

/** Control characters of others do not reach the terminal. */
function shown({ room: place, from, text }: Line): string {
  const plain = text.replace(/\p{C}/gu, '');
  return `${place === undefined ? 'to you' : `#${place}`} ${from.slice(0, 6)}: ${plain}`;
}

async function openWallet(file: string): Promise<Wallet> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text !== undefined) {
    const [publicKey = '', privateKey = ''] = text.trim().split(' ');
    return createWallet({ publicKey: fromBase64url(publicKey), privateKey: fromBase64url(privateKey) });
  }
  const { signing } = await createIdentity();
  const line = `${toBase64url(signing.publicKey)} ${toBase64url(signing.privateKey)}\n`;
  await writeFile(file, line, { mode: 0o600, flag: 'wx' });
  return createWallet(signing);
}
