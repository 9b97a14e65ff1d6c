/** Which view is shown: the part of the address after `#/`, so it works under any path of any server. */
import { type Component, type ComputedRef, computed, shallowRef } from 'vue';
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
  /** Needs a node's door. */
  readonly needsClient?: boolean;
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

export function usePlace(): ComputedRef<Place> {
  return computed(() => place.value);
}

export function linkTo(view: string, rest = ''): string {
  return `#/${view}${rest === '' ? '' : `/${encodeURIComponent(rest)}`}`;
}
