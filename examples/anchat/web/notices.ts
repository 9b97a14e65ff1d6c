/** What asks for a decision: invitations, and other devices of the same address. */
import type { Chat, Told } from '../chat/chat.ts';
import { byId, element, shortOf } from './element.ts';

export interface Notices {
  /** Those that were there before. */
  show(): Promise<void>;
  take(told: Told): Promise<void>;
}

export interface NoticesOptions {
  readonly attempt: (run: () => Promise<unknown>) => void;
  readonly say: (text: string) => void;
  readonly open: (room: string) => Promise<void>;
}

export function createNotices(chat: Chat, { attempt, say, open }: NoticesOptions): Notices {
  const list = byId('notices');

  function ask(
    words: string,
    yes: string,
    onYes: () => Promise<unknown>,
    onNo: () => Promise<unknown>,
  ): void {
    const item = element('li', {}, element('p', {}, words));
    const button = (label: string, className: string, run: () => Promise<unknown>) =>
      element(
        'button',
        { type: 'button', className, onclick: () => attempt(() => run().then(() => item.remove())) },
        label,
      );
    item.append(
      element('div', { className: 'row' }, button(yes, 'main', onYes), button('Not now', '', onNo)),
    );
    list.append(item);
  }

  const invite = (room: string, from: string) =>
    ask(
      `${shortOf(from)} invites you to #${room}.`,
      'Join',
      () => open(room),
      () => chat.decline(room),
    );

  return {
    async show() {
      for (const { room, from } of await chat.invitations()) invite(room, from);
    },
    async take(told) {
      if (told.type === 'invitation') invite(told.room, told.from);
      if (told.type === 'device')
        ask(
          `Another device of yours signed in, ${told.id.slice(0, 8)}. Is that its name, under “You” there?`,
          'Share lines',
          async () => {
            await chat.shareHistory(told.id);
            say('It has all lines now.');
          },
          async () => {},
        );
    },
  };
}
