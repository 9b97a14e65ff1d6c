/** Requests in words, for people who must know what they sign: one text for every program, so that holders see the same. */
import type { AdminProof, Genesis, KeyRotation, Revocation } from '../documents/bodies.ts';
import type { ReleaseManifest } from '../documents/release-manifest.ts';
import { toHex } from '../encoding/hex.ts';
import type { SigningRequest } from './request.ts';

/** How a key is named to people: the first 16 digits of its hex form. */
export const shortKey = (key: Uint8Array): string => toHex(key).slice(0, 16);

/** What the body of a request does, a line for each part of it; nothing that is signed is left out. */
export function describeBody({ kind, body }: Pick<SigningRequest, 'kind' | 'body'>): string[] {
  if (kind === 'genesis') {
    const { name, createdAt, slots, releaseKeys, releaseThreshold } = body as Genesis;
    return [
      `founds the system ${name}, dated ${createdAt}, with ${slots} slots`,
      releaseKeys.length === 0
        ? 'names no release keys: nodes install no updates'
        : `releases need ${releaseThreshold} of ${releaseKeys.length} release keys: ${releaseKeys.map(shortKey).join(' ')}`,
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
    const { version, keys, threshold, keptProofs, keptRevocations } = body as KeyRotation;
    return [
      `replaces the system keys, version ${version}: ${threshold} of ${keys.map(shortKey).join(' ')}`,
      keptProofs.length > 0
        ? `keeps the admin proofs with the hashes ${keptProofs.map(toHex).join(', ')}`
        : 'ends all admin proofs made before it',
      keptRevocations.length > 0
        ? `keeps the revocations with the hashes ${keptRevocations.map(toHex).join(', ')}`
        : 'keeps no revocation made before it',
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
