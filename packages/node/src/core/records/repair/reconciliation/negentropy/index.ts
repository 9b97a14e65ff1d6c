/**
 * Negentropy, version 1: two parties find which items each lacks by comparing fingerprints of ever smaller ranges (Meyer
 * 2023, arXiv:2212.13567; protocol by D. Hoyte, github.com/hoytech/negentropy, docs/negentropy-protocol-v1.md). An item is
 * a time and a 32-byte id. The initiator learns `have` and `need`; the other side keeps nothing between messages.
 *
 * @example
 * let message: Uint8Array | undefined = initiate(mine, LIMITS);
 * while (message) {
 *   const reply = answer(theirs, message, LIMITS);
 *   ({ message } = proceed(mine, reply, LIMITS, { have: (id) => …, need: (id) => … }));
 * }
 */
export { createItems, type Items } from './items.ts';
export { answer, initiate, proceed, type Sinks } from './reconciling.ts';
