/** Writes the golden vectors anew: `node packages/protocol/vectors/generate.ts`. A change of released ones breaks peers. */
import { writeFileSync } from 'node:fs';
import { vectorFiles } from '../src/testing/vectors/index.ts';

for (const [name, text] of vectorFiles) writeFileSync(new URL(name, import.meta.url), text);
