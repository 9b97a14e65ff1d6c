/** Whether a release may be installed: pure rules over a manifest, the release keys, the date and what runs. */
import {
  type Crypto,
  compareSoftwareVersions,
  decodeDocument,
  isP2posError,
  P2posError,
  type PublicKey,
  parseTimestamp,
  type ReleaseArtefact,
  type ReleaseManifest,
  releaseManifestDocument,
  requireThreshold,
} from '@p2pos/protocol';

export interface ReleaseRules {
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
}

/**
 * The manifest, signed by enough release keys. A system without release keys installs nothing (T5).
 *
 * @throws P2posError DOCUMENT_MALFORMED, RELEASE_SIGNATURE
 */
export async function readManifest(
  bytes: Uint8Array,
  rules: ReleaseRules | undefined,
  crypto: Crypto,
): Promise<ReleaseManifest> {
  const document = decodeDocument(releaseManifestDocument, bytes, crypto);
  if (!rules || rules.threshold < 1) {
    throw new P2posError('RELEASE_SIGNATURE', { reason: 'this system was founded without release keys' });
  }
  try {
    await requireThreshold(releaseManifestDocument, document, rules, crypto);
  } catch (error) {
    const reason = isP2posError(error, 'DOCUMENT_SIGNATURE')
      ? String(error.details['reason'])
      : 'it is not signed';
    throw new P2posError('RELEASE_SIGNATURE', { reason }, { cause: error });
  }
  return document.body;
}

export interface Ground {
  /** ms since the Unix epoch. */
  readonly now: number;
  readonly finalized: string | undefined;
}

/** For a system. @throws P2posError RELEASE_EXPIRED, RELEASE_OLDER */
export function judgeRelease(
  { version, expires, createdAt }: ReleaseManifest,
  { now, finalized }: Ground,
): void {
  if (parseTimestamp(expires) <= now) throw new P2posError('RELEASE_EXPIRED', { version, expires });
  if (parseTimestamp(createdAt) > now + MAX_AHEAD_MS) {
    throw new P2posError('RELEASE_EXPIRED', { version, expires: `(it begins only ${createdAt})` });
  }
  if (finalized !== undefined && compareSoftwareVersions(version, finalized) < 0) {
    throw new P2posError('RELEASE_OLDER', { version, finalized });
  }
}

/** Clocks of who signs and who installs differ. */
const MAX_AHEAD_MS = 86_400_000;

/** For one node. @throws P2posError RELEASE_TOO_FAR, RELEASE_PLATFORM */
export function artefactFor(manifest: ReleaseManifest, running: string, platform: string): ReleaseArtefact {
  const { version, minFrom, artefacts } = manifest;
  if (compareSoftwareVersions(running, minFrom) < 0) {
    throw new P2posError('RELEASE_TOO_FAR', { version, minFrom, running });
  }
  const artefact =
    artefacts.find((one) => one.platform === platform) ?? artefacts.find((one) => one.platform === 'any');
  if (!artefact) throw new P2posError('RELEASE_PLATFORM', { version, platform });
  return artefact;
}
