/** Requests in words, for people who must know what they sign. */
import {
  type AdminProof,
  type Genesis,
  type KeyRotation,
  type ReleaseManifest,
  type Revocation,
  type SigningRequest,
  toHex,
} from '@p2pos/protocol';
import { formatTime } from '../../format.ts';
import { texts } from '../../texts.ts';

const t = texts.signing.said;
export const shortKey = (key: Uint8Array): string => toHex(key).slice(0, 16);

export function describe({ kind, body }: Pick<SigningRequest, 'kind' | 'body'>): string[] {
  if (kind === 'genesis') {
    const { name, createdAt, releaseKeys, releaseThreshold } = body as Genesis;
    return [t.genesis(name, formatTime(createdAt)), t.releases(releaseThreshold, releaseKeys.length)];
  }
  if (kind === 'admin-proof') {
    const { adminPeerId, scopes, validFrom, validTo, serial } = body as AdminProof;
    return [
      t.proof(adminPeerId),
      t.scopes(scopes),
      t.validity(formatTime(validFrom), formatTime(validTo), serial),
    ];
  }
  if (kind === 'rotation') {
    const { version, keys, threshold, keptSerials } = body as KeyRotation;
    return [
      t.rotation(version, threshold, keys.map(shortKey)),
      keptSerials.length > 0 ? t.kept(keptSerials) : t.keptNone,
    ];
  }
  if (kind === 'revocation') {
    const { serials, peerIds } = body as Revocation;
    return [
      ...serials.map(({ serial, lastGoodSnapshot }) =>
        lastGoodSnapshot ? t.revokedAfter(serial, toHex(lastGoodSnapshot)) : t.revoked(serial),
      ),
      ...peerIds.map(t.banned),
    ];
  }
  const { version, channel, expires, artefacts } = body as ReleaseManifest;
  return [
    t.release(version, channel, formatTime(expires)),
    ...artefacts.map(({ platform, sha256, bytes }) => t.artefact(platform, toHex(sha256), bytes)),
  ];
}
