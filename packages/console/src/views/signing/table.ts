/** The table around which key holders sit: one request, the signatures on it, and the document that they make. */
import {
  type CeremonyKind,
  combineShares,
  describeBody,
  equalBytes,
  fingerprintText,
  requestFromText,
  requestToText,
  type SignatureShare,
  type SigningRequest,
  shareFromText,
  shareToText,
  shortKey,
  signRequest,
} from '@p2pos/protocol';
import { computed, ref, shallowRef, watch } from 'vue';
import { prepared } from '../../ceremony.ts';
import { crypto } from '../../crypto.ts';
import { openKeyText } from '../../keys/sealed.ts';
import { usePublishing } from '../../publishing.ts';
import type { SubmittedKind } from '../../source.ts';
import type { System } from '../../system.ts';
import { createTask } from '../../task.ts';
import { texts } from '../../texts.ts';

const t = texts.signing;
const PUSHED: Partial<Record<CeremonyKind, SubmittedKind>> = {
  rotation: 'rotation',
  revocation: 'revocation',
};
const ARMOR = /-----BEGIN P2POS SIGNATURE SHARE-----[\s\S]*?-----END P2POS SIGNATURE SHARE-----/g;

export function useSigningTable(system: System) {
  const request = prepared;
  const shares = shallowRef<readonly SignatureShare[]>([]);
  const made = shallowRef<Uint8Array>();
  const mine = ref('');
  const opening = createTask();
  const signing = createTask();
  const collecting = createTask();
  const pushing = createTask();
  const publishing = usePublishing(system);

  watch(request, () => {
    shares.value = [];
    made.value = undefined;
    mine.value = '';
    for (const task of [signing, collecting, pushing]) task.clear();
    publishing.clear();
  });

  async function add(found: readonly SignatureShare[]): Promise<string> {
    const one = requireRequest();
    const known = [...shares.value];
    for (const share of found) {
      if (share.request !== one.fingerprint) throw new Error(t.otherRequest(shortKey(share.key)));
      if (!known.some(({ key }) => equalBytes(key, share.key))) known.push(share);
    }
    // Alone it is short of others; whatever else is wrong with it is told.
    made.value = await combineShares(one, known, crypto).catch((error: unknown) => {
      if ((error as { readonly code?: unknown }).code === 'CEREMONY_SHARES_MISSING') return undefined;
      throw error;
    });
    shares.value = known;
    return made.value ? t.complete : t.more;
  }

  function requireRequest(): SigningRequest {
    if (!request.value) throw new Error(t.noRequest);
    return request.value;
  }

  return {
    request,
    mine,
    made,
    opening,
    signing,
    collecting,
    pushing,
    answers: publishing.answers,
    text: computed(() => (request.value ? requestToText(request.value, crypto) : '')),
    words: computed(() => (request.value ? describeBody(request.value) : [])),
    fingerprint: computed(() => (request.value ? fingerprintText(request.value.fingerprint) : '')),
    isForeign: computed(() => {
      const here = system.status.value?.systemId;
      const asked = request.value;
      return asked !== undefined && asked.kind !== 'genesis' && here !== undefined && asked.systemId !== here;
    }),
    /** Who must sign, and who did. */
    sets: computed(() =>
      (request.value?.signers ?? []).map(({ name, keys, threshold }) => {
        const holders = keys.map((key) => ({
          name: shortKey(key),
          signed: shares.value.some((share) => equalBytes(share.key, key)),
        }));
        return { name, threshold, holders, have: holders.filter(({ signed }) => signed).length };
      }),
    ),
    canPush: computed(() => request.value !== undefined && PUSHED[request.value.kind] !== undefined),
    fileName: computed(() => `${request.value?.kind ?? 'document'}.cbor`),
    open: (text: string) =>
      opening.run(async () => {
        request.value = await requestFromText(text, crypto);
        return undefined;
      }),
    sign: (keyText: string, passphrase: string) =>
      signing.run(async () => {
        const asked = requireRequest();
        if (keyText === '') throw new Error(t.noKey);
        const share = await signRequest(asked, await openKeyText(keyText, passphrase));
        mine.value = shareToText(share, crypto);
        await collecting.run(() => add([share]));
        return t.signed(shortKey(share.key));
      }),
    collect: (text: string) =>
      collecting.run(() => {
        const blocks = text.match(ARMOR) ?? [text];
        return add(blocks.map((block) => shareFromText(block, crypto)));
      }),
    push: () =>
      pushing.run(async () => {
        const kind = PUSHED[requireRequest().kind];
        if (!kind || !made.value) throw new Error(t.more);
        const who = system.nodes.value.filter(({ look }) => look !== 'unconfigured');
        await publishing.publish(kind, { bytes: made.value }, who);
        return t.pushed;
      }),
  };
}
