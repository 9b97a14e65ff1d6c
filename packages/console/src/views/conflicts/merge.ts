/** Branches that lost: what each removed, who is kept out because of it, and the snapshot that settles it. */
import {
  decodeDocument,
  fromHex,
  type RootStatus,
  type SignedDocument,
  type Snapshot,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import { computed, ref, shallowRef } from 'vue';
import { crypto } from '../../crypto.ts';
import { usePublishing } from '../../publishing.ts';
import { signNext } from '../../signing.ts';
import type { System } from '../../system.ts';
import { createTask } from '../../task.ts';
import { texts } from '../../texts.ts';

export interface Branch {
  readonly hash: string;
  readonly epoch: number;
  readonly issuedAt: string | undefined;
  readonly issuerPeerId: string | undefined;
  /** Who it removed: kept out until a snapshot that merges it names them again. */
  readonly refused: readonly { readonly peerId: string; readonly name: string }[];
}

export function useMerge(system: System) {
  const { source, nameOf } = system;
  const root = shallowRef<RootStatus>();
  const current = shallowRef<SignedDocument<Snapshot>>();
  const branches = shallowRef<readonly Branch[]>([]);
  const readmitted = ref<string[]>([]);
  const loading = createTask();
  const task = createTask();
  const publishing = usePublishing(system);

  async function load(): Promise<void> {
    await loading.run(async () => {
      const [status, snapshot, lost] = await Promise.all([
        source.root(),
        source.snapshot(),
        source.documents('branches'),
      ]);
      root.value = status;
      const inForce = decodeDocument(snapshotDocument, snapshot, crypto);
      current.value = inForce;
      const nameIn = (peerId: string) =>
        inForce.body.members.find((member) => member.peerId === peerId)?.name ?? nameOf(peerId);
      branches.value = status.conflicts.map(({ loser, epoch, refused }) => {
        const carried = lost.find(({ hash }) => hash === loser);
        const body = carried && decodeDocument(snapshotDocument, carried.bytes, crypto).body;
        return {
          hash: loser,
          epoch,
          issuedAt: body?.issuedAt,
          issuerPeerId: body?.issuerPeerId,
          refused: refused.map((peerId) => ({ peerId, name: nameIn(peerId) })),
        };
      });
      readmitted.value = [];
      return undefined;
    });
  }

  const contested = computed(() => {
    const all = new Map(branches.value.flatMap(({ refused }) => refused.map((one) => [one.peerId, one])));
    return [...all.values()];
  });

  return {
    root,
    branches,
    contested,
    readmitted,
    loading,
    task,
    answers: publishing.answers,
    load,
    merge: () =>
      task.run(async () => {
        if (!current.value) throw new Error(texts.asking);
        const out = new Set(
          contested.value.map(({ peerId }) => peerId).filter((peerId) => !readmitted.value.includes(peerId)),
        );
        const { members } = current.value.body;
        const signed = await signNext(
          current.value,
          members.filter(({ peerId }) => !out.has(peerId)),
          { merges: branches.value.map(({ hash }) => fromHex(hash)) },
        );
        const who = members.map(({ peerId, name }) => ({ peerId, name, leaves: out.has(peerId) }));
        const document = { bytes: signed.bytes, hash: toHex(signed.hash) };
        const answer = await publishing.publish('snapshot', document, who);
        if (answer.result === 'stale') throw new Error(texts.members.overtaken(answer.epoch));
        await load();
        return texts.members.inForce(answer.epoch);
      }),
  };
}
