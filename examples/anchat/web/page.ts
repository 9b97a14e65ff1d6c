/** anchat in a browser: signs in by a wallet, or goes on as the device that this browser is. */
import { P2posError } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { createChat } from '../chat/chat.ts';
import { type Device, enroll, leave, openDevice } from '../chat/directory.ts';
import type { Wallet } from '../chat/wallet.ts';
import { deleteBrowserStore, openBrowserStore } from './browser-store.ts';
import { injected, openInjected, openTestWallet } from './browser-wallet.ts';
import { byId } from './element.ts';
import { showTalk } from './talk.ts';

const state = byId('state');
let fading: ReturnType<typeof setTimeout> | undefined;
const put = (text: string, className: string) => {
  clearTimeout(fading);
  fading = setTimeout(() => put('', ''), 15_000);
  state.className = className;
  state.textContent = text;
};
const say = (text: string) => put(text, '');
const report = (error: unknown) => {
  put(error instanceof P2posError || error instanceof Error ? error.message : String(error), 'bad');
};

// Two tabs would use one key twice.
await navigator.locks.request('anchat', { ifAvailable: true }, async (lock) => {
  if (lock) await run().catch(report);
  else report(new Error('anchat is open in another tab of this browser.'));
});

async function run(): Promise<void> {
  const settings = (await (await fetch('settings.json')).json()) as {
    readonly nodes: number;
    readonly token: string;
    readonly testWallet: boolean;
  };
  // Each page begins at another node; the rest are there for when it goes.
  const first = Math.floor(Math.random() * settings.nodes);
  const url = Array.from(
    { length: settings.nodes },
    (_, i) => `${location.origin}/node/${(first + i) % settings.nodes}`,
  );
  await using client = connect({ url, token: settings.token });
  const store = await openBrowserStore();
  const device = (await openDevice(client, store, Date.now())) ?? (await signIn());
  byId('entry').hidden = true;
  const chat = createChat({ client, store, device });
  say('');
  const signOut = async () => {
    await leave(client, device);
    await deleteBrowserStore();
    location.reload();
  };
  await showTalk(chat, { signOut, report, say });

  function signIn(): Promise<Device> {
    const wallet = byId<HTMLButtonElement>('wallet');
    byId('entry').hidden = false;
    byId('test').hidden = !settings.testWallet;
    // Extensions put their wallet into the page when they please.
    const look = () => {
      wallet.disabled = !injected();
      byId('no-wallet').hidden = !wallet.disabled;
    };
    look();
    const looking = setInterval(look, 500);
    say('');
    return new Promise((resolve) => {
      const use = async (open: () => Promise<Wallet>) => {
        try {
          say('Waiting for the wallet …');
          resolve(await enroll(client, store, await open(), { now: Date.now(), extractable: false }));
          clearInterval(looking);
        } catch (error) {
          report(error);
        }
      };
      wallet.onclick = () => {
        const found = injected();
        if (found) void use(() => openInjected(found));
      };
      byId('test-wallet').onclick = () => void use(() => openTestWallet(store));
    });
  }
}
