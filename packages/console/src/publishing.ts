/** Hands a signed document to the system and shows what every node says of it. */
import { isP2posError } from '@p2pos/protocol';
import { shallowRef } from 'vue';
import type { NodeAnswer, Pushed, SubmittedKind } from './source.ts';
import type { System } from './system.ts';
import { wordsOf } from './task.ts';

export interface Answered {
  readonly peerId: string;
  readonly name: string;
  /** `held`: what was handed in is in force there. */
  readonly state: 'asking' | 'held' | 'stale' | 'refused' | 'silent' | 'left';
  readonly detail: string;
  readonly epoch: number | undefined;
}

export interface Publishing {
  /** The first node's answer. Rejects with its refusal, after the others were asked too. */
  publish(kind: SubmittedKind, document: Published, who: readonly Named[]): Promise<Pushed>;
  readonly answers: Readonly<{ value: readonly Answered[] }>;
  clear(): void;
}

interface Published {
  readonly bytes: Uint8Array;
  /** Of a snapshot, lower-case hex: told apart from another of the same epoch. */
  readonly hash?: string;
}

interface Named {
  readonly peerId: string;
  readonly name: string;
  /** The document removes it: once that is in force, its connections close and it answers nobody. */
  readonly leaves?: boolean;
}

const AT_ONCE = 8;

export function usePublishing({ source }: System): Publishing {
  const answers = shallowRef<readonly Answered[]>([]);

  function note(answered: Answered): void {
    answers.value = answers.value.map((one) => (one.peerId === answered.peerId ? answered : one));
  }

  async function ask(kind: SubmittedKind, { bytes, hash }: Published, who: readonly Named[]): Promise<void> {
    const queue = who.values();
    const work = async () => {
      for (const { peerId, name } of queue) {
        try {
          note({ peerId, name, ...judge(await source.offer(peerId, kind, bytes), hash) });
        } catch (error) {
          const state = isP2posError(error, 'PEER_UNREACHABLE') ? 'silent' : 'refused';
          note({ peerId, name, state, detail: wordsOf(error), epoch: undefined });
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  return {
    answers,
    clear: () => (answers.value = []),
    async publish(kind, document, who) {
      answers.value = who.map(({ peerId, name }) => {
        return { peerId, name, state: 'asking', detail: '', epoch: undefined };
      });
      let others = who;
      try {
        const pushed = await source.submit(kind, document.bytes);
        others = pushed.result === 'applied' ? who.filter(({ leaves }) => !leaves) : who;
        return pushed;
      } finally {
        for (const { peerId, name } of who.filter((one) => !others.includes(one)))
          note({ peerId, name, state: 'left', detail: '', epoch: undefined });
        await ask(kind, document, others);
      }
    },
  };
}

function judge({ result, code, reason, epoch, hash }: NodeAnswer, wanted: string | undefined) {
  const isHeld = result === 'applied' || (result === 'stale' && (wanted === undefined || hash === wanted));
  if (isHeld) return { state: 'held', detail: '', epoch } as const;
  return { state: result === 'refused' ? 'refused' : 'stale', detail: reason ?? code ?? '', epoch } as const;
}
