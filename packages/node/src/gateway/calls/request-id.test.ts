import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRequestId } from './request-id.ts';

describe('request ids', () => {
  it('are UUIDs of version 7 (RFC 9562 appendix A.6)', () => {
    const random = {
      bytes: () =>
        Uint8Array.from([0, 0, 0, 0, 0, 0, 0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]),
      float: () => 0,
    };
    const clock = { now: () => 0x017f22e279b0, monotonic: () => 0, after: () => ({ [Symbol.dispose]() {} }) };
    assert.equal(createRequestId({ clock, random }), '017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });
});
