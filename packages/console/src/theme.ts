/** Light or dark: as the system says, or as the person chose for this visit. Nothing is stored. */
import { onScopeDispose, ref, watch } from 'vue';

export type Theme = 'auto' | 'light' | 'dark';

export const theme = ref<Theme>('auto');
const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function tell(): void {
  document.documentElement.dataset['theme'] = isDark() ? 'dark' : 'light';
  for (const listener of listeners) listener();
}

export function isDark(): boolean {
  return theme.value === 'auto' ? system.matches : theme.value === 'dark';
}

/** In the scope of a component. */
export function onThemeChange(listener: () => void): void {
  listeners.add(listener);
  onScopeDispose(() => listeners.delete(listener));
}

watch(theme, tell, { immediate: true, flush: 'sync' });
system.addEventListener('change', tell);
