/** The contract of updates: one signed release goes over the system node by node; any node tells and steers it. */
import { z } from 'zod';
import { bytesBody, defineRoutes, json } from './contract/route.ts';
import { releaseManifestDocument } from './documents/release-manifest.ts';

export const RolloutState = z.enum(['rolling', 'paused', 'finalized']);
export type RolloutState = z.output<typeof RolloutState>;

export const UpdateStatus = z.object({
  /** Of the answering node. */
  running: z.string(),
  platform: z.string(),
  /** Why this node cannot replace its own software; null: it can. */
  unsupported: z.string().nullable(),
  /** Nothing older is installed; null: nothing was finalized yet. */
  finalized: z.string().nullable(),
  rollout: z
    .object({
      version: z.string(),
      channel: z.string(),
      expires: z.string(),
      state: RolloutState,
      /** Why it is paused. */
      reason: z.string().nullable(),
    })
    .nullable(),
  /** What this node waits for before it updates itself; null: nothing. */
  waiting: z.string().nullable(),
  /** Members with the version that they last said. */
  nodes: z.array(
    z.object({ peerId: z.string(), name: z.string().nullable(), version: z.string().nullable() }),
  ),
});
export type UpdateStatus = z.output<typeof UpdateStatus>;

const manifestBody = bytesBody(releaseManifestDocument.maxDocumentBytes, { contentType: 'application/cbor' });
const REFUSALS = [
  'DOCUMENT_MALFORMED',
  'RELEASE_SIGNATURE',
  'RELEASE_EXPIRED',
  'RELEASE_OLDER',
  'RELEASE_TOO_FAR',
  'RELEASE_PLATFORM',
] as const;
const STEERING = ['UPDATE_NONE', 'STATE_UNCONFIGURED', 'RECORDS_QUORUM_LOST'] as const;

export const updateRoutes = defineRoutes({
  status: {
    summary: 'Which release runs here, and how far an update has come.',
    method: 'GET',
    path: '/v1/update',
    grant: 'update:read',
    output: json(UpdateStatus),
    errors: ['RECORDS_QUORUM_LOST', 'STATE_UNCONFIGURED'],
  },
  check: {
    summary: 'Judges a signed release manifest without doing anything.',
    method: 'POST',
    path: '/v1/update/check',
    grant: 'update:read',
    body: manifestBody,
    output: json(
      z.object({ version: z.string(), channel: z.string(), expires: z.string(), isNewer: z.boolean() }),
    ),
    errors: [...REFUSALS, 'STATE_UNCONFIGURED', 'RECORDS_QUORUM_LOST'],
    repeatable: true,
  },
  apply: {
    summary: 'Lets a signed release go over the system, one node at a time.',
    method: 'POST',
    path: '/v1/update',
    grant: 'update:apply',
    body: manifestBody,
    output: json(UpdateStatus),
    errors: [...REFUSALS, 'STATE_UNCONFIGURED', 'RECORDS_QUORUM_LOST'],
    repeatable: true,
  },
  pause: {
    summary: 'Lets no further node update; what runs, runs on.',
    method: 'POST',
    path: '/v1/update/pause',
    grant: 'update:apply',
    output: json(UpdateStatus),
    errors: [...STEERING],
    repeatable: true,
  },
  finalize: {
    summary:
      'Ends an update for good once every member runs it: nothing older is installed or started again.',
    method: 'POST',
    path: '/v1/update/finalize',
    grant: 'update:apply',
    output: json(UpdateStatus),
    errors: [...STEERING, 'UPDATE_UNFINISHED'],
    repeatable: true,
  },
});
