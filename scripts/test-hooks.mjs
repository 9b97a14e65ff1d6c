// Loaded before each test file by `npm test`. Node's runner watches every promise of the process to know in which test it
// was made, which costs a third of the processor time of tests that run whole nodes on virtual time. It watches
// everything else still. An error that nobody handled still fails the file, but names no test: run that file alone with
// `node --test <file>` to see where it was thrown.
import asyncHooks from 'node:async_hooks';

const { createHook } = asyncHooks;
asyncHooks.createHook = (callbacks) => createHook({ ...callbacks, trackPromises: false });
