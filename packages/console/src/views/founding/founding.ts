/**
 * Founding a system in the page: keys that never lie unsealed outside this page's memory, the genesis, the first admin, the
 * transcript, and the first snapshot once the first node has a name. The files are those of `p2pctl system create`.
 */
import {
  CAPABILITIES,
  formatAdminBundle,
  foundSystem,
  type KeyRole,
  type Member,
  pinnedText,
  type StatedKey,
  signSnapshot,
  stateKey,
  verifyTranscript,
} from '@p2pos/protocol';
import { crypto } from '../../crypto.ts';
import { sealText } from '../../keys/sealed.ts';
import { makeKey } from '../../keys/signer.ts';

export interface FoundingWish {
  readonly name: string;
  readonly threshold: number;
  /** One per system key. */
  readonly passphrases: readonly string[];
  /** How many release keys must sign a release; 0 where there are none. */
  readonly releaseThreshold: number;
  /** One per release key. */
  readonly releasePassphrases: readonly string[];
  readonly adminPassphrase: string;
  readonly days: number;
}

export interface MadeFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Whose it is. */
  readonly kind: 'key' | 'admin' | 'public';
}

export interface Founded {
  readonly systemId: string;
  readonly files: readonly MadeFile[];
  readonly bundle: string;
  /** The first snapshot, which lists one node. */
  firstSnapshot(node: FirstNode): Promise<Uint8Array>;
}

export interface FirstNode {
  readonly peerId: string;
  readonly name: string;
  readonly zone: string;
  readonly addresses: readonly string[];
}

/** @param tell which key is made now, since each takes a second on purpose */
export async function found(wish: FoundingWish, tell: (name: string) => void): Promise<Founded> {
  const files: MadeFile[] = [];
  async function make(name: string, role: KeyRole, passphrase: string): Promise<StatedKey> {
    tell(name);
    const { pem, signer } = await makeKey();
    const key = await stateKey(signer, { role, label: name }, Date.now(), crypto);
    const kind = role === 'admin' ? 'admin' : 'key';
    files.push({ name: `${name}.key`, content: await sealText(pem, passphrase), kind });
    files.push({ name: `${name}.pub`, content: key.text, kind: 'public' });
    return key;
  }
  async function makeAll(role: KeyRole, passphrases: readonly string[]): Promise<StatedKey[]> {
    const made: StatedKey[] = [];
    for (const [index, passphrase] of passphrases.entries())
      made.push(await make(`${role}-${index + 1}`, role, passphrase));
    return made;
  }
  const system = await makeAll('system', wish.passphrases);
  const release = await makeAll('release', wish.releasePassphrases);
  const admin = await make('admin', 'admin', wish.adminPassphrase);
  const { genesis, proof, systemId, transcript } = await foundSystem(
    { ...wish, nowMs: Date.now() },
    { system, release, admin },
    crypto,
  );
  const report = await verifyTranscript(transcript, crypto);
  const key = files.find(({ name }) => name === 'admin.key')?.content;
  if (typeof key !== 'string') throw new Error('the admin key is a text');
  return {
    systemId,
    bundle: formatAdminBundle({ version: 1, systemId, addresses: [], key, proof: proof.bytes }),
    files: [
      ...files,
      { name: 'admin-proof.cbor', content: proof.bytes, kind: 'admin' },
      { name: 'genesis.cbor', content: genesis.bytes, kind: 'public' },
      { name: 'transcript.jsonl', content: transcript, kind: 'public' },
      { name: 'pinned-keys.txt', content: pinnedText(report), kind: 'public' },
    ],
    async firstSnapshot(node) {
      const capabilities = [...CAPABILITIES].filter((one) => one !== 'compute').sort();
      const member: Member = { ...node, tier: 2, capabilities, draining: false };
      const nowMs = Date.now();
      const start = { epoch: 0, hash: genesis.hash, issuedAtMs: nowMs };
      const terms = { members: [member], nowMs };
      return (await signSnapshot({ signer: admin.signer, proof }, start, terms, crypto)).bytes;
    },
  };
}
