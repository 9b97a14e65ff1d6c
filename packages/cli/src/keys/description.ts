/** A signing request in words, and how to compare it with what the other holders see. */
import { describeBody, fingerprintText, type SigningRequest, shortKey } from '@p2pos/protocol';

export function describeRequest(request: SigningRequest): string[] {
  return [
    `You are asked to sign: ${request.kind}, for the system ${request.systemId}`,
    ...describeBody(request).map((line) => `  ${line}`),
    ...request.signers.map(
      ({ name, keys, threshold }) =>
        `  needs ${threshold} of the ${keys.length} ${name} keys: ${keys.map(shortKey).join(' ')}`,
    ),
    `Compare with the others: ${fingerprintText(request.fingerprint)}`,
  ];
}
