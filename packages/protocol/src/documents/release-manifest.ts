/** A release of the node's software: what may be installed, from which version, until when; signed by the release keys. */
import { z } from 'zod';
import { hash32Schema, integerSchema, patternSchema, timestampSchema } from '../contract/schema.ts';
import { parseTimestamp } from '../time.ts';
import type { DocumentHash, Timestamp } from './bodies.ts';
import { defineDocument } from './document.ts';
import { distinct, versionField } from './fields.ts';

export interface ReleaseArtefact {
  /** `any`, or `linux-x64`, `linux-arm64`, …: Node's platform and architecture. */
  readonly platform: string;
  /** SHA-256 of the file. */
  readonly sha256: DocumentHash;
  readonly bytes: number;
  /** Where it may be had besides from members; untrusted, since the hash decides. */
  readonly urls: readonly string[];
}

export interface ReleaseManifest {
  readonly format: 1;
  /** Of the software: `major.minor.patch`, optionally `-name.number`. */
  readonly version: string;
  /** `stable`, `beta`, …: what an installation follows. */
  readonly channel: string;
  /** The least version that may be updated to this one: it must read what that one wrote. */
  readonly minFrom: string;
  readonly createdAt: Timestamp;
  /** After this it installs nothing, so nobody is kept on it by being shown it for ever. */
  readonly expires: Timestamp;
  readonly artefacts: readonly ReleaseArtefact[];
}

const VERSION =
  /^(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})(?:-[a-z]{1,16}\.(?:0|[1-9]\d{0,5}))?$/;
const CHANNEL = /^[a-z][a-z0-9-]{0,31}$/;
const PLATFORM = /^(?:any|[a-z0-9]{1,16}-[a-z0-9]{1,16})$/;
const URL_TEXT = /^https?:\/\/[\x21-\x7e]{1,240}$/;
/** 1 GiB. */
const MAX_ARTEFACT_BYTES = 1_073_741_824;
const MAX_LIFETIME_MS = 400 * 86_400_000;

export const softwareVersionSchema = patternSchema(
  VERSION,
  'must be a version such as 1.2.3 or 1.2.3-beta.1',
);
export const channelSchema = patternSchema(CHANNEL, 'must be a channel such as stable');

const schema = z
  .strictObject({
    format: versionField(1),
    version: softwareVersionSchema,
    channel: channelSchema,
    minFrom: softwareVersionSchema,
    createdAt: timestampSchema,
    expires: timestampSchema,
    artefacts: distinct(
      z.strictObject({
        platform: patternSchema(PLATFORM, 'must be any or a platform such as linux-x64'),
        sha256: hash32Schema,
        bytes: integerSchema(1, MAX_ARTEFACT_BYTES),
        urls: distinct(patternSchema(URL_TEXT, 'must be an http(s) address'), { max: 8 }),
      }),
      { min: 1, max: 16, by: ({ platform }) => platform },
    ),
  })
  .refine(({ minFrom, version }) => compareSoftwareVersions(minFrom, version) <= 0, {
    path: ['minFrom'],
    error: 'must not be greater than the version',
  })
  .refine(({ createdAt, expires }) => createdAt < expires, {
    path: ['expires'],
    error: 'must be after createdAt',
    abort: true,
  })
  .refine(
    ({ createdAt, expires }) => parseTimestamp(expires) - parseTimestamp(createdAt) <= MAX_LIFETIME_MS,
    { path: ['expires'], error: 'must be at most 400 days after createdAt' },
  ) satisfies z.ZodType<ReleaseManifest>;

export const releaseManifestDocument = defineDocument<ReleaseManifest>('p2pos/release/1', schema, {
  maxBytes: 16_384,
});

/** Order of releases (Semantic Versioning 2.0.0 §11 for the forms allowed here): negative when `a` comes before `b`. */
export function compareSoftwareVersions(a: string, b: string): number {
  const [coreA = '', preA] = a.split('-');
  const [coreB = '', preB] = b.split('-');
  const byCore = compareNumbers(coreA, coreB);
  if (byCore !== 0 || preA === preB) return byCore;
  if (preA === undefined) return 1;
  if (preB === undefined) return -1;
  const [nameA = '', numberA = ''] = preA.split('.');
  const [nameB = '', numberB = ''] = preB.split('.');
  return nameA === nameB ? Number(numberA) - Number(numberB) : nameA < nameB ? -1 : 1;
}

function compareNumbers(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
