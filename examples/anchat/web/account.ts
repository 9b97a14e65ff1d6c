/** Who one is here: address, device, other devices, signing out. */
import type { Chat } from '../chat/chat.ts';
import { byId, element, shortOf } from './element.ts';

export interface AccountOptions {
  readonly attempt: (run: () => Promise<unknown>) => void;
  readonly say: (text: string) => void;
  readonly signOut: () => Promise<void>;
}

export function openAccount(chat: Chat, { attempt, say, signOut }: AccountOptions): void {
  const dialog = byId<HTMLDialogElement>('account-dialog');
  const opener = byId<HTMLButtonElement>('account');
  opener.hidden = false;
  opener.textContent = `You: ${shortOf(chat.address)}`;
  byId('own-address').textContent = chat.address;
  byId('own-device').textContent = chat.device.slice(0, 8);
  opener.onclick = () => {
    dialog.showModal();
    attempt(showDevices);
  };
  byId('close').onclick = () => dialog.close();
  byId('copy').onclick = () =>
    attempt(async () => {
      await navigator.clipboard.writeText(chat.address);
      byId('copy').textContent = 'Copied';
    });
  byId('sign-out').onclick = () => attempt(signOut);

  async function showDevices(): Promise<void> {
    const others = await chat.otherDevices();
    byId('devices').replaceChildren(
      ...others.map((id) =>
        element(
          'li',
          {},
          element('code', {}, id.slice(0, 8)),
          element(
            'button',
            {
              type: 'button',
              className: 'small',
              onclick: () =>
                attempt(async () => {
                  await chat.shareHistory(id);
                  dialog.close();
                  say('It has all lines now.');
                }),
            },
            'Give it all lines',
          ),
        ),
      ),
      ...(others.length === 0 ? [element('li', { className: 'faint' }, 'None.')] : []),
    );
  }
}
