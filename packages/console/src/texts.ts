/** Every word that the page says, so that it can be said in another language: this is all of them. */
import { listOf } from './format.ts';
import { dataTexts } from './texts/data.ts';
import { systemTexts } from './texts/system.ts';
import { trustTexts } from './texts/trust.ts';

export const texts = { ...systemTexts, ...trustTexts, ...dataTexts } as const;

export const names = (all: readonly string[]) => (all.length === 0 ? texts.key.noNode : listOf(all));
