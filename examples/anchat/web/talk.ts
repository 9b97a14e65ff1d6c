/** The page of who is signed in: conversations, lines, members. */
import type { Chat, Told } from '../chat/chat.ts';
import { openAccount } from './account.ts';
import { byId, element, shortOf } from './element.ts';
import { createLog } from './log.ts';
import { createNotices } from './notices.ts';

export interface TalkOptions {
  readonly signOut: () => Promise<void>;
  readonly report: (error: unknown) => void;
  readonly say: (text: string) => void;
}

export async function showTalk(chat: Chat, { signOut, report, say }: TalkOptions): Promise<void> {
  const log = createLog(chat.address);
  const text = byId<HTMLTextAreaElement>('text');
  let where: string | undefined;
  const attempt = (run: () => Promise<unknown>) => void run().catch(report);
  const notices = createNotices(chat, { attempt, say, open: (room) => enter(room) });

  byId('talk').hidden = false;
  // Where there is little room, what is not needed for talking is folded away.
  for (const one of document.querySelectorAll<HTMLDetailsElement>('.folding'))
    one.open = matchMedia('(min-width: 40rem)').matches;
  openAccount(chat, { attempt, say, signOut });
  onSubmit('join', ({ room = '' }) => enter(room.replace(/^#/, '')));
  onSubmit('write', ({ address = '' }) => open(address));
  onSubmit('invite', async ({ address = '' }) => {
    await chat.invite((where ?? '').slice(1), address);
    say(`${shortOf(address)} is invited.`);
    await showPeople();
  });
  onSubmit('say', async () => {
    const said = text.value.trim();
    if (said === '' || !where) return;
    text.value = '';
    // What fails is kept, and shown as being sent until it is.
    await chat.say(where, said).catch((error) => {
      if (!document.querySelector('.pending')) text.value ||= said;
      throw error;
    });
  });
  text.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId<HTMLFormElement>('say').requestSubmit();
  });
  document.addEventListener('keydown', (event) => {
    if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    event.preventDefault();
    attempt(() => step(event.key === 'ArrowDown' ? 1 : -1));
  });
  document.addEventListener('visibilitychange', () => attempt(refresh));
  chat.presence.onChange(() => attempt(async () => void (await Promise.all([refresh(), showPeople()]))));

  const [first] = await chat.archive.conversations();
  if (first) await open(first.where);
  else await refresh();
  await notices.show();
  for await (const told of chat.events({ signal: new AbortController().signal })) attempt(() => take(told));

  async function take(told: Told): Promise<void> {
    if (told.type === 'line') {
      if (told.line.where === where) log.add(told.line, told.pending);
      await refresh();
    } else if (told.type === 'sent') log.markSent(told.id);
    else if (told.type === 'room') await showPeople();
    else if (told.type === 'history') {
      if (told.lines > 0) say(`${told.lines} older lines came from another device of yours.`);
      if (where) await open(where);
      else await refresh();
    } else await notices.take(told);
  }

  async function enter(room: string): Promise<void> {
    await chat.join(room);
    await open(`#${room}`);
  }

  async function open(next: string): Promise<void> {
    where = next;
    byId('where').textContent = next.startsWith('#') ? next : `Letters with ${shortOf(next)}`;
    byId('where').title = next;
    log.show(await chat.archive.lines(next));
    byId('say').hidden = false;
    text.focus();
    await Promise.all([refresh(), showPeople()]);
  }

  async function step(by: number): Promise<void> {
    const all = (await chat.archive.conversations()).map((one) => one.where);
    const next = all[(all.indexOf(where ?? '') + by + all.length) % all.length];
    if (next) await open(next);
  }

  /** The list at the side; what is open and seen has been read. */
  async function refresh(): Promise<void> {
    if (where && document.visibilityState === 'visible') await chat.archive.markRead(where);
    const known = await chat.archive.conversations();
    const isNew = where !== undefined && !known.some((one) => one.where === where);
    const all = isNew ? [{ where: where as string, unread: 0, newest: '' }, ...known] : known;
    byId('conversations').replaceChildren(
      ...all.map((one) => {
        const isRoom = one.where.startsWith('#');
        const button = element(
          'button',
          { type: 'button', title: one.where, onclick: () => attempt(() => open(one.where)) },
          isRoom ? undefined : dotOf(one.where),
          element('span', { className: 'name' }, isRoom ? one.where : shortOf(one.where)),
          one.unread > 0
            ? element(
                'span',
                { className: 'badge' },
                String(one.unread),
                element('span', { className: 'unseen' }, ' unread'),
              )
            : undefined,
        );
        if (one.where === where) button.setAttribute('aria-current', 'true');
        return element('li', {}, button);
      }),
    );
    const unread = all.reduce((sum, one) => sum + one.unread, 0);
    document.title = unread > 0 ? `(${unread}) anchat` : 'anchat';
  }

  async function showPeople(): Promise<void> {
    const shown = where;
    const isRoom = shown?.startsWith('#') ?? false;
    byId('people').hidden = !isRoom;
    byId('about').textContent = isRoom
      ? 'Only its members read this.'
      : 'Only the two of you read this, on all of your devices.';
    if (!shown || !isRoom) return;
    const room = shown.slice(1);
    const { members = [] } = (await chat.room(room)) ?? {};
    if (where !== shown) return;
    const isIn = members.includes(chat.address);
    byId('about').textContent = isIn
      ? `${members.length} ${members.length === 1 ? 'member' : 'members'}, who alone read this.`
      : 'You are no longer a member: what is said now is not for you.';
    byId('say').hidden = !isIn;
    byId('invite').hidden = !isIn;
    byId('members').replaceChildren(
      ...members.map((member) => {
        const isOwn = member === chat.address;
        const remove = element(
          'button',
          {
            type: 'button',
            className: 'small',
            ariaLabel: `Put ${shortOf(member)} out of ${shown}`,
            onclick: () => attempt(() => chat.remove(room, member).then(showPeople)),
          },
          'Remove',
        );
        return element(
          'li',
          {},
          dotOf(member),
          element('span', { className: 'name', title: member }, isOwn ? 'You' : shortOf(member)),
          isOwn || !isIn ? undefined : remove,
        );
      }),
    );
  }

  function dotOf(address: string): HTMLElement {
    const isHere = chat.presence.isHere(address);
    const words = element('span', { className: 'unseen' }, isHere ? 'here: ' : 'away: ');
    return element(
      'span',
      { className: `dot ${isHere ? 'here' : ''}`, title: isHere ? 'here' : 'away' },
      words,
    );
  }

  function onSubmit(id: string, run: (values: Readonly<Record<string, string>>) => Promise<unknown>): void {
    const form = byId<HTMLFormElement>(id);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const values = Object.fromEntries(
        [...new FormData(form)].map(([name, value]) => [name, String(value)]),
      );
      if (id !== 'say') form.reset();
      attempt(() => run(values));
    });
  }
}
