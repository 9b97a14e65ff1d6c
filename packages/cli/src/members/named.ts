import { usage } from '../failure.ts';
import { didYouMean } from '../suggestion.ts';

/** The members that are meant, each by its peer id or name. @throws P2posError COMMAND_USAGE for a word that names none */
export function requireNamed<T extends { readonly peerId: string; readonly name: string }>(
  words: readonly string[],
  members: readonly T[],
): readonly T[] {
  const isMeant = ({ peerId, name }: T, word: string) => peerId === word || name === word;
  for (const word of words) {
    if (members.some((member) => isMeant(member, word))) continue;
    const names = members.map(({ name }) => name);
    throw usage(`There is no member ${word}.${didYouMean(word, names)}`, 'p2pctl members list');
  }
  return members.filter((member) => words.some((word) => isMeant(member, word)));
}
