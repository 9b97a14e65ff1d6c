/** Requests and documents in words, for people who must know what they sign. */
import {
  type AdminProof,
  fingerprintText,
  type Genesis,
  type KeyRotation,
  type ReleaseManifest,
  type Revocation,
  type SigningRequest,
  toHex,
} from '@p2pos/protocol';

const short = (key: Uint8Array) => toHex(key).slice(0, 16);

export function describeRequest(request: SigningRequest): string[] {
  return [
    `You are asked to sign: ${request.kind}, for the system ${request.systemId}`,
    ...describeBody(request).map((line) => `  ${line}`),
    ...request.signers.map(
      ({ name, keys, threshold }) =>
        `  needs ${threshold} of the ${keys.length} ${name} keys: ${keys.map(short).join(' ')}`,
    ),
    `Compare with the others: ${fingerprintText(request.fingerprint)}`,
  ];
}

function describeBody({ kind, body }: Pick<SigningRequest, 'kind' | 'body'>): string[] {
  if (kind === 'genesis') {
    const { name, createdAt, slots, releaseKeys, releaseThreshold } = body as Genesis;
    return [
      `founds the system ${name}, dated ${createdAt}, with ${slots} slots`,
      `releases need ${releaseThreshold} of ${releaseKeys.length} release keys`,
    ];
  }
  if (kind === 'admin-proof') {
    const { adminPeerId, scopes, validFrom, validTo, serial } = body as AdminProof;
    return [
      `makes ${adminPeerId} an admin`,
      `for ${scopes.join(', ')}`,
      `from ${validFrom} until ${validTo}, serial ${serial}`,
    ];
  }
  if (kind === 'rotation') {
    const { version, keys, threshold, keptSerials } = body as KeyRotation;
    return [
      `replaces the system keys, version ${version}: ${threshold} of ${keys.map(short).join(' ')}`,
      keptSerials.length > 0
        ? `keeps the admin proofs ${keptSerials.join(', ')}`
        : 'ends all admin proofs made before it',
    ];
  }
  if (kind === 'revocation') {
    const { serials, peerIds } = body as Revocation;
    return [
      ...serials.map(({ serial, lastGoodSnapshot: good }) =>
        good
          ? `takes back the admin proof ${serial} after the snapshot ${toHex(good)}`
          : `takes back the admin proof ${serial} with all its snapshots`,
      ),
      ...peerIds.map((peerId) => `takes the node ${peerId} out for good`),
    ];
  }
  const { version, channel, minFrom, expires, artefacts } = body as ReleaseManifest;
  return [
    `release ${version} in the channel ${channel}, from ${minFrom} on, until ${expires}`,
    ...artefacts.map(({ platform, sha256, bytes }) => `${platform}: ${toHex(sha256)}, ${bytes} bytes`),
  ];
}
