/** Which view is shown: the part of the address after `#/`, so it works under any path of any server. */
import { type Component, type ComputedRef, computed, shallowRef } from 'vue';
import type { Source } from './source.ts';
import type { texts } from './texts.ts';

export interface Place {
  /** `members`; empty for the overview. */
  readonly view: string;
  /** What follows it, decoded. */
  readonly rest: string;
}

export interface ViewEntry {
  readonly view: string;
  readonly title: string;
  readonly component: Component;
  /** Absent: not in the menu. */
  readonly group?: keyof typeof texts.menu;
  /** What it needs of the way in: nothing, a system (default), a client of its data, or one that also follows streams. */
  readonly needs?: 'nothing' | 'client' | 'streams';
}

const place = shallowRef(read());
addEventListener('hashchange', () => {
  place.value = read();
});

function read(): Place {
  const [, view = '', rest = ''] = /^#\/([a-z-]*)(?:\/(.*))?$/.exec(location.hash) ?? [];
  try {
    return { view, rest: decodeURIComponent(rest) };
  } catch {
    return { view, rest: '' };
  }
}

export function isOpenTo({ needs }: ViewEntry, { way, client }: Pick<Source, 'way' | 'client'>): boolean {
  if (way === 'none') return needs === 'nothing';
  if (needs === 'streams') return client !== undefined && way === 'door';
  return needs !== 'client' || client !== undefined;
}

export function usePlace(): ComputedRef<Place> {
  return computed(() => place.value);
}

export function linkTo(view: string, rest = ''): string {
  return `#/${view}${rest === '' ? '' : `/${encodeURIComponent(rest)}`}`;
}
