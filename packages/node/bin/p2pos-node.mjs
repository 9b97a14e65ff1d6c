#!/usr/bin/env node
// Plain JavaScript: with the cache on before the first TypeScript file is met, a second start does not load the
// compiler that strips types at all, which saves about 20 MB and half of the start time.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../../../node_modules/.cache/p2pos', import.meta.url)));
await import('../src/main.ts');
