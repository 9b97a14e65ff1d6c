/** What is read inside records and their repair: messages of set reconciliation, states of registers, tokens of watches. */
import { createHash } from 'node:crypto';
import { isP2posError } from '@p2pos/protocol';
import { decodeState, encodeState } from '../../packages/node/src/core/records/cas/state.ts';
import {
  answer,
  createItems,
  initiate,
  proceed,
} from '../../packages/node/src/core/records/repair/reconciliation/negentropy/index.ts';
import { decodeToken, encodeToken } from '../../packages/node/src/core/records/watch/token.ts';
import type { Target } from '../engine.ts';

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
const LIMITS = { maxMessageBytes: 65_536 };
const AUTHOR = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';
const itemsOf = (from: number, to: number) =>
  createItems(
    { sha256 },
    Array.from({ length: to - from }, (_, i) => ({
      time: 1_000 + from + i,
      id: sha256(Uint8Array.of((from + i) & 255, (from + i) >> 8)),
    })),
  );
const few = itemsOf(0, 40);
const many = itemsOf(20, 400);

const negentropy: Target = {
  name: 'negentropy',
  seeds() {
    const first = initiate(many);
    const second = answer(few, first, LIMITS);
    const third = proceed(many, second, LIMITS, { have() {}, need() {} }).message;
    return [initiate(few), first, second, ...(third ? [third] : [])];
  },
  run(input) {
    let told = 0;
    const reply = answer(many, input, LIMITS);
    if (reply.length > LIMITS.maxMessageBytes) throw new Error('an answer grew beyond its limit');
    proceed(many, input, LIMITS, { have: () => told++, need: () => told++ });
    if (told > many.size + input.length) throw new Error('more was told than was sent');
  },
  expects: (error) => isP2posError(error),
};

const registers: Target = {
  name: 'register-state',
  seeds() {
    const version = `0198000000000001-${AUTHOR}`;
    const plain = { version, value: Uint8Array.of(1, 2, 3), expiresAt: undefined, whole: true };
    const request = { id: new Uint8Array(16), body: new Uint8Array(16) };
    const previous = { value: Uint8Array.of(9), version };
    return [
      encodeState({ ...plain, changes: [{ version, request: undefined, previous: undefined }] }),
      encodeState({ ...plain, expiresAt: 5_000, whole: false, changes: [{ version, request, previous }] }),
      encodeState({ ...plain, value: null, changes: [{ version, request, previous: undefined }] }),
    ];
  },
  run: (input) => decodeState(input),
  expects: (error) => isP2posError(error),
};

const tokens: Target = {
  name: 'watch-token',
  seeds: () => [
    new TextEncoder().encode(
      encodeToken({
        told: [new Uint8Array(12)],
        range: 'ffeeddccbbaa99887766554433221100',
        horizon: '0198000000000001',
        positions: new Map([[AUTHOR, { store: '00112233445566778899aabbccddeeff', position: 7 }]]),
      }),
    ),
  ],
  run: (input) => decodeToken(Buffer.from(input).toString('latin1')),
  expects: (error) => isP2posError(error, 'WATCH_TOKEN_INVALID'),
};

export const recordTargets: readonly Target[] = [negentropy, registers, tokens];
