/** Members as commands name them: by peer id or by name. */
import { usage } from '../failure.ts';
import { didYouMean } from '../suggestion.ts';

interface Named {
  readonly peerId: string;
  readonly name: string;
}

export function isNamed({ peerId, name }: Named, words: readonly string[]): boolean {
  return words.includes(peerId) || words.includes(name);
}

/** The members that are meant. @throws P2posError COMMAND_USAGE for a word that names none */
export function requireNamed<T extends Named>(words: readonly string[], members: readonly T[]): readonly T[] {
  for (const word of words) {
    if (members.some((member) => isNamed(member, [word]))) continue;
    const names = members.map(({ name }) => name);
    throw usage(`There is no member ${word}.${didYouMean(word, names)}`, 'p2pctl members list');
  }
  return members.filter((member) => isNamed(member, words));
}
