/**
 * The admin who unlocked this page. The key lies in this module, in a form that cannot be read out; it is forgotten on
 * lock, when the page is closed or left, and after a quarter of an hour without use. Nothing of it is stored.
 */
import {
  type AdminProof,
  adminProofDocument,
  decodeDocument,
  parseTimestamp,
  peerIdFromPublicKey,
  readAdminBundle,
  type SignedDocument,
  type Signer,
} from '@p2pos/protocol';
import { type ShallowRef, shallowRef } from 'vue';
import { crypto } from './crypto.ts';
import { formatTime } from './format.ts';
import { openKeyText } from './keys/sealed.ts';
import { texts } from './texts.ts';

const IDLE_MS = 15 * 60_000;

export interface Admin {
  readonly signer: Signer;
  readonly proof: SignedDocument<AdminProof>;
}

export interface AdminFiles {
  /** `p2pos-admin://…`; then key and proof are in it. */
  readonly bundle: string;
  readonly key: string;
  readonly proof: Uint8Array | undefined;
  readonly passphrase: string;
}

let held: Admin | undefined;
let idle: ReturnType<typeof setTimeout> | undefined;
const shown = shallowRef<AdminProof>();

/** The proof of who unlocked the page; undefined while it is locked. */
export const unlocked: Readonly<ShallowRef<AdminProof | undefined>> = shown;

/** @throws Error in words for people */
export async function unlock(files: AdminFiles, systemId: string | undefined): Promise<void> {
  const { key, proof } = partsOf(files);
  const document = decodeDocument(adminProofDocument, proof, crypto);
  const { body } = document;
  if (systemId !== undefined && body.systemId !== systemId)
    throw new Error(texts.session.otherSystem(body.systemId));
  if (parseTimestamp(body.validTo) < Date.now())
    throw new Error(texts.session.ended(formatTime(body.validTo)));
  const signer = await openKeyText(key, files.passphrase);
  if (peerIdFromPublicKey(signer.publicKey) !== body.adminPeerId) throw new Error(texts.session.otherKey);
  held = { signer, proof: document };
  shown.value = body;
  keepAwake();
}

function partsOf({ bundle, key, proof }: AdminFiles): { readonly key: string; readonly proof: Uint8Array } {
  if (bundle.trim() !== '') return readAdminBundle(bundle);
  if (key.trim() === '' || !proof) throw new Error(texts.session.missing);
  return { key, proof };
}

/** @throws Error while the page is locked */
export function requireAdmin(): Admin {
  if (!held) throw new Error(texts.session.needed);
  keepAwake();
  return held;
}

export function lock(): void {
  held = undefined;
  shown.value = undefined;
  clearTimeout(idle);
}

function keepAwake(): void {
  clearTimeout(idle);
  idle = setTimeout(lock, IDLE_MS);
}

if (typeof addEventListener === 'function') addEventListener('pagehide', lock);
