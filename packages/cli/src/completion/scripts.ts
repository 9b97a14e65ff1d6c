/** Scripts that complete the words of p2pctl, made from the program itself. */
import type { Command } from 'commander';

export function completionScript(shell: string, root: Command): string {
  const lines = [...pathsOf(root)].map(([path, words]) => ({ path, words: words.join(' ') }));
  if (shell === 'fish') return fish(lines);
  const cases = lines.map(({ path, words }) => `    '${path}') words='${words}' ;;`).join('\n');
  const body = `_p2pctl() {
  local path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || path="$path $word"; done
  case "\${path# }" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _p2pctl p2pctl`;
  return shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${body}` : body;
}

function* pathsOf(command: Command, path: readonly string[] = []): Iterable<[string, string[]]> {
  const options = command.options.flatMap(({ long }) => (long ? [long] : []));
  yield [path.join(' '), [...command.commands.map((child) => child.name()), ...options]];
  for (const child of command.commands) yield* pathsOf(child, [...path, child.name()]);
}

function fish(lines: readonly { readonly path: string; readonly words: string }[]): string {
  return lines
    .filter(({ words }) => words !== '')
    .map(({ path, words }) => {
      const last = path.split(' ').at(-1);
      const when = path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${last}`;
      return `complete -c p2pctl -n '${when}' -a '${words}'`;
    })
    .join('\n');
}
