/** The lines of the open conversation. */
import { type Line, timeOf } from '../chat/archive.ts';
import { byId, element, shortOf } from './element.ts';

export interface Log {
  show(lines: readonly Line[]): void;
  add(line: Line, pending: boolean): void;
  markSent(id: string): void;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'full' });

export function createLog(own: string): Log {
  const frame = byId('log');
  const list = byId('lines');
  let last: Line | undefined;
  /** Whether what comes is followed: not while older lines are read. */
  let isFollowed = true;
  const toEnd = () => {
    frame.scrollTop = frame.scrollHeight;
  };
  // By keys, too, it can be scrolled.
  frame.tabIndex = 0;
  let top = 0;
  frame.addEventListener('scroll', () => {
    const isAtEnd = frame.scrollHeight - frame.scrollTop - frame.clientHeight < 80;
    // What made the frame smaller has scrolled nothing: only who goes up has left the end.
    if (isAtEnd || frame.scrollTop < top) isFollowed = isAtEnd;
    top = frame.scrollTop;
  });
  new ResizeObserver(() => {
    if (isFollowed) toEnd();
  }).observe(frame);

  function itemsOf(line: Line, pending: boolean): HTMLElement[] {
    const at = new Date(timeOf(line.id));
    const day = calendar.format(at);
    const isNewDay = !last || calendar.format(timeOf(last.id)) !== day;
    const isFirst = isNewDay || last?.from !== line.from;
    last = line;
    const author = line.from === own ? 'You' : shortOf(line.from);
    const item = element(
      'li',
      { className: `${line.from === own ? 'own' : ''} ${isFirst ? 'first' : ''}` },
      element('div', { className: `author hue-${hueOf(line.from)}`, title: line.from }, author),
      element('span', { className: 'words' }, line.text),
      element('time', { dateTime: at.toISOString() }, clock.format(at)),
      pending ? element('span', { className: 'pending' }, 'sending …') : undefined,
    );
    item.dataset['id'] = line.id;
    return [...(isNewDay ? [element('li', { className: 'day' }, day)] : []), item];
  }

  return {
    show(lines) {
      last = undefined;
      // What was said before is not read out; what comes is.
      frame.ariaLive = 'off';
      list.replaceChildren(...lines.flatMap((line) => itemsOf(line, false)));
      isFollowed = true;
      toEnd();
      requestAnimationFrame(() => {
        frame.ariaLive = 'polite';
      });
    },
    add(line, pending) {
      list.append(...itemsOf(line, pending));
      if (isFollowed || pending) toEnd();
    },
    markSent(id) {
      list.querySelector(`[data-id="${CSS.escape(id)}"] .pending`)?.remove();
    },
  };
}

/** The same for the same address. */
function hueOf(address: string): number {
  return [...address].reduce((sum, sign) => sum + (sign.codePointAt(0) ?? 0), 0) % 6;
}
