/** What is kept of an app: one record with its state, quotas and tokens, so that each change of it is one step. */
import {
  type AppInfo,
  AppName,
  AppQuotas,
  AppState,
  decodeCbor,
  encodeCbor,
  firstIssue,
  GrantText,
  MAX_GRANTS,
  P2posError,
  type TokenInfo,
} from '@p2pos/protocol';
import { z } from 'zod';

/** Of a whole document; some two hundred tokens. */
export const MAX_DOCUMENT_BYTES = 60_000;

const hash = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32);

const Token = z.strictObject({
  /** First 8 bytes of the hash, hex. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** SHA-256 of the token; the token itself is nowhere. */
  hash,
  label: z.string().max(100),
  grants: z.array(GrantText).min(1).max(MAX_GRANTS),
  createdAt: z.int(),
  expiresAt: z.int().optional(),
});
export type Token = z.output<typeof Token>;

const Document = z.strictObject({
  app: AppName,
  state: AppState,
  /** Since when it is being deleted. */
  condemnedAt: z.int().optional(),
  createdAt: z.int(),
  quotas: AppQuotas,
  tokens: z.array(Token),
});
export type Document = z.output<typeof Document>;

export function encodeDocument(document: Document): Uint8Array {
  return encodeCbor(document);
}

/** Members are trusted with it, yet what does not fit is never half believed. @throws P2posError RECORD_INVALID, CBOR_MALFORMED, BODY_TOO_LARGE */
export function decodeDocument(bytes: Uint8Array): Document {
  const result = Document.safeParse(decodeCbor(bytes, { maxBytes: MAX_DOCUMENT_BYTES }));
  if (result.success) return result.data;
  throw new P2posError('RECORD_INVALID', {
    reason: `the register holds no app: ${firstIssue(result.error)}`,
  });
}

export function appInfo({ app, state, createdAt, quotas, tokens }: Document): AppInfo {
  return { app, state, createdAt, quotas, tokens: tokens.length };
}

export function tokenInfo({ id, label, grants, createdAt, expiresAt }: Token): TokenInfo {
  return { id, label, grants: [...grants], createdAt, expiresAt: expiresAt ?? null };
}
