/** Where the project's code begins to read bytes or text that may be anybody's, found in its sources. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PACKAGES = join(import.meta.dirname, '../packages');
const READS = /\b(?:decodeCbor|decodeCanonical|JSON\.parse)\(/g;

/** Read what this node, this machine's operator or this very build wrote. */
const OWN: Readonly<Record<string, string>> = {
  'node/src/core/log/field.ts': 'text that it has just made itself',
  'node/src/core/membership/audit.ts': "this node's own log, chained by hashes",
  'node/src/process/installation/state.ts': 'what the installer of this machine wrote',
  'node/src/services/sql/rqlite/engine.ts': 'the status of its own child process, and its own view of it',
  'node/src/services/sql/rqlite/cluster.ts': 'what its own child process says of the voters',
  'node/src/services/sql/rqlite/program.ts': "the installed package's own name",
  'node/src/services/sql/processes/leftover.ts': 'its own note of a child process',
  'node/src/services/sql/sqlite/child.ts': 'the limits that its parent gave it',
  'node/src/services/sql/sqlite/values.ts': 'what its own child process answered',
  'node/src/services/sql/shelf.ts': 'the manifest beside its own copies',
};

/** Read by another target's decoder, behind a net of its own. */
const BEHIND: Readonly<Record<string, string>> = {
  'node/src/services/pubsub/topics/reader.ts':
    'a pair around an entry of topic-log; whatever it throws is passed over',
  'protocol/src/contract/values.ts': 'a field of a request; `npm run fuzz -- http` sends those',
  'node/src/gateway/http/input/request-input.ts': 'the body of a request; `npm run fuzz -- http` sends those',
};

export interface Reader {
  readonly file: string;
  readonly line: number;
  readonly url: string;
  readonly place: number;
}

export function findReaders(): Reader[] {
  return ['protocol/src', 'node/src', 'sdk/src']
    .flatMap((part) =>
      readdirSync(join(PACKAGES, part), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(part, name),
      ),
    )
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|\/testing\//.test(file))
    .filter((file) => !(file in OWN) && !(file in BEHIND))
    .flatMap((file) => {
      const source = readFileSync(join(PACKAGES, file), 'utf8');
      const { href: url } = pathToFileURL(join(PACKAGES, file));
      return [...source.matchAll(READS)].flatMap(({ index: place }) => {
        const before = source.slice(0, place);
        const start = before.slice(before.lastIndexOf('\n') + 1);
        // Where it is defined, or told of.
        if (/function $|^\s*(?:\*|\/\/)/.test(start)) return [];
        return [{ file, line: before.split('\n').length, url, place }];
      });
    });
}
