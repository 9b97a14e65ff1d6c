/** The snapshot editor: reads the one in force, keeps the draft, signs it here and pushes it. */
import {
  CAPABILITIES,
  decodeDocument,
  isPeerId,
  type Member,
  type RemovalLoss,
  type SignedDocument,
  type Snapshot,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import { computed, ref, shallowRef, watch } from 'vue';
import { unlocked } from '../../admin.ts';
import { crypto } from '../../crypto.ts';
import { usePublishing } from '../../publishing.ts';
import { signNext } from '../../signing.ts';
import type { System } from '../../system.ts';
import { createTask } from '../../task.ts';
import { texts } from '../../texts.ts';
import { dropsMajority, type MemberInput, missingScopes, rowsOf, scopesFor } from './draft.ts';

const t = texts.members;
/** What a new member is proposed to do for others. */
const USUAL = ['gateway', 'mailbox', 'relay', 'rendezvous', 'seed', 'sql', 'storage'];

export function useMembersEditor(system: System) {
  const { source, nodes } = system;
  const current = shallowRef<SignedDocument<Snapshot>>();
  const after = shallowRef<readonly Member[]>([]);
  const force = ref(false);
  const loss = shallowRef<RemovalLoss>();
  const loading = createTask();
  const task = createTask();
  const publishing = usePublishing(system);

  const before = computed(() => current.value?.body.members ?? []);
  const rows = computed(() => rowsOf(before.value, after.value));
  const differing = computed(() => rows.value.filter(({ state }) => state !== 'same'));
  const removed = computed(() =>
    rows.value.filter(({ state }) => state === 'removed').map(({ peerId }) => peerId),
  );
  const needsForce = computed(() => dropsMajority(before.value, rows.value) || (loss.value?.slots ?? 0) > 0);
  const missing = computed(() =>
    unlocked.value ? missingScopes(unlocked.value.scopes, scopesFor(rows.value, force.value)) : [],
  );
  /** Connected, and no member: they wait to be added. */
  const waiting = computed(() =>
    nodes.value.filter(
      ({ peerId, look }) =>
        look === 'unconfigured' && !after.value.some((member) => member.peerId === peerId),
    ),
  );

  async function load(): Promise<void> {
    await loading.run(async () => {
      current.value = decodeDocument(snapshotDocument, await source.snapshot(), crypto);
      after.value = current.value.body.members;
      force.value = false;
      return undefined;
    });
  }

  watch(removed, async (peerIds) => {
    loss.value = undefined;
    force.value = false;
    if (peerIds.length === 0) return;
    // Without an answer the nodes themselves still refuse what loses data unforced.
    const found = await source.loss(peerIds).catch(() => undefined);
    if (removed.value.join() === peerIds.join()) loss.value = found;
  });

  function push(): Promise<boolean> {
    return task.run(async () => {
      if (!current.value) throw new Error(texts.asking);
      const signed = await signNext(current.value, after.value, { force: force.value });
      const hash = toHex(signed.hash);
      // Those who leave hear of it first, and are asked too.
      const who = rows.value.map(({ peerId, member, state }) => {
        return { peerId, name: member.name, leaves: state === 'removed' };
      });
      const answer = await publishing.publish('snapshot', { bytes: signed.bytes, hash }, who);
      if (answer.result === 'stale') throw new Error(t.overtaken(answer.epoch));
      await load();
      system.say(t.inForce(answer.epoch));
      return t.inForce(answer.epoch);
    });
  }

  return {
    current,
    rows,
    differing,
    waiting,
    force,
    loss,
    needsForce,
    missing,
    loading,
    task,
    answers: publishing.answers,
    load,
    push,
    put(member: Member) {
      task.clear();
      after.value = [...after.value.filter(({ peerId }) => peerId !== member.peerId), member];
    },
    remove(peerId: string) {
      task.clear();
      after.value = after.value.filter((member) => member.peerId !== peerId);
    },
    /** As it is in the snapshot in force. */
    restore(peerId: string) {
      const old = before.value.find((member) => member.peerId === peerId);
      after.value = after.value.filter((member) => member.peerId !== peerId);
      if (old) after.value = [...after.value, old];
    },
    reset() {
      after.value = before.value;
      task.clear();
    },
    /** What a form begins with for a peer that is no member yet. */
    proposal(peerId: string): MemberInput {
      const peer = nodes.value.find((node) => node.peerId === peerId)?.peer;
      return {
        peerId,
        name: isPeerId(peerId) ? `node-${peerId.slice(-8).toLowerCase()}` : '',
        tier: 2,
        capabilities: [...USUAL],
        zone: '',
        draining: false,
        notAfter: '',
        addresses: (peer?.addresses ?? [])
          .filter((address) => address.includes('/tcp/'))
          .slice(0, 4)
          .join('\n'),
      };
    },
    capabilities: [...CAPABILITIES].sort(),
  };
}
