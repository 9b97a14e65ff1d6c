// Loaded before each test file by `npm test`. Node's runner watches every promise of the process to know in which test it
// was made, which costs a third of the processor time of tests that run whole nodes on virtual time. It watches
// everything else still; an error nobody handled then fails the file, naming no test.
import asyncHooks from 'node:async_hooks';

const { createHook } = asyncHooks;
asyncHooks.createHook = (callbacks) => createHook({ ...callbacks, trackPromises: false });
