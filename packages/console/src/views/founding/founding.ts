/**
 * Founding a system in the page: keys that never lie unsealed outside this page's memory, the genesis, the first admin, the
 * transcript, and the first snapshot once the first node has a name. The files are those of `p2pctl system create`.
 */
import {
  appendToTranscript,
  CAPABILITIES,
  combineShares,
  createRequest,
  equalBytes,
  formatAdminBundle,
  formatTimestamp,
  fromHex,
  type Genesis,
  type KeyRole,
  type Member,
  P2posError,
  peerIdFromPublicKey,
  proofBody,
  type Signer,
  type Snapshot,
  signDocument,
  signRequest,
  snapshotDocument,
  type TranscriptEntry,
  type TranscriptReport,
  verifyTranscript,
} from '@p2pos/protocol';
import { crypto } from '../../crypto.ts';
import { sealText } from '../../keys/sealed.ts';
import { makeKey } from '../../keys/signer.ts';
import { statementOf } from '../trust/statement.ts';

export interface FoundingWish {
  readonly name: string;
  readonly threshold: number;
  /** One per system key. */
  readonly passphrases: readonly string[];
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

interface Made {
  readonly name: string;
  readonly signer: Signer;
  readonly files: readonly MadeFile[];
  readonly statement: Uint8Array;
}

async function make(name: string, role: KeyRole, passphrase: string): Promise<Made> {
  const { pem, signer } = await makeKey();
  const kind = role === 'admin' ? 'admin' : 'key';
  const sealed = await sealText(pem, passphrase);
  const { text, bytes } = await statementOf(signer, role, name);
  return {
    name,
    signer,
    statement: bytes,
    files: [
      { name: `${name}.key`, content: sealed, kind },
      { name: `${name}.pub`, content: text, kind: 'public' },
    ],
  };
}

/** @param tell which key is made now, since each takes a second on purpose */
export async function found(wish: FoundingWish, tell: (name: string) => void): Promise<Founded> {
  const made: Made[] = [];
  for (const [index, passphrase] of wish.passphrases.entries()) {
    const name = `system-${index + 1}`;
    tell(name);
    made.push(await make(name, 'system', passphrase));
  }
  tell('admin');
  const admin = await make('admin', 'admin', wish.adminPassphrase);
  const now = Date.now();
  const at = formatTimestamp(now);
  const genesis: Genesis = {
    version: 1,
    name: wish.name,
    createdAt: at,
    admission: 'closed',
    slots: 4_096,
    systemKeys: made.map(({ signer }) => signer.publicKey),
    threshold: wish.threshold,
    releaseKeys: [],
    releaseThreshold: 0,
  };
  const signers = made.map(({ signer }) => signer);
  const founding = await createRequest('genesis', genesis, [], crypto);
  const { systemId } = founding;
  const genesisBytes = await signWith(founding, signers);
  const terms = { systemId, admin: admin.signer.publicKey, nowMs: Date.now(), days: wish.days };
  const proof = await createRequest('admin-proof', proofBody(terms), [genesisBytes], crypto);
  const proofBytes = await signWith(proof, signers.slice(0, wish.threshold));
  const transcript = transcriptOf([
    ...[...made, admin].map(({ statement }): TranscriptEntry => {
      return { at, kind: 'key', document: statement };
    }),
    { at, kind: 'genesis', document: genesisBytes },
    { at, kind: 'admin-proof', document: proofBytes },
  ]);
  const report = await verifyTranscript(transcript, crypto);
  const key = admin.files[0]?.content;
  if (typeof key !== 'string') throw new Error('the admin key is a text');
  return {
    systemId,
    bundle: formatAdminBundle({ version: 1, systemId, addresses: [], key, proof: proofBytes }),
    files: [
      ...made.flatMap(({ files }) => files),
      ...admin.files,
      { name: 'admin-proof.cbor', content: proofBytes, kind: 'admin' },
      { name: 'genesis.cbor', content: genesisBytes, kind: 'public' },
      { name: 'transcript.jsonl', content: transcript, kind: 'public' },
      { name: 'pinned-keys.txt', content: pinnedText(report), kind: 'public' },
    ],
    async firstSnapshot({ addresses, ...node }) {
      const member: Member = {
        ...node,
        tier: 2,
        capabilities: [...CAPABILITIES].filter((one) => one !== 'compute').sort(),
        draining: false,
        addresses,
      };
      const body: Snapshot = {
        version: 1,
        systemId,
        epoch: 1,
        previous: crypto.sha256(founding.bodyBytes),
        merges: [],
        issuedAt: formatTimestamp(Date.now()),
        issuerPeerId: peerIdFromPublicKey(admin.signer.publicKey),
        members: [member],
        force: false,
        adminProof: proofBytes,
      };
      return (await signDocument(snapshotDocument, body, [admin.signer], crypto)).bytes;
    },
  };
}

async function signWith(
  request: Awaited<ReturnType<typeof createRequest>>,
  signers: readonly Signer[],
): Promise<Uint8Array> {
  const shares = await Promise.all(signers.map((signer) => signRequest(request, signer)));
  return combineShares(request, shares, crypto);
}

function transcriptOf(entries: readonly TranscriptEntry[]): string {
  let text = '';
  for (const entry of entries) text = appendToTranscript(text, entry, crypto);
  return text;
}

/** The short text that a key holder keeps apart, to know the system and its keys again. */
function pinnedText({ systemId, chain, statements, head, root }: TranscriptReport): string {
  const link = chain.links.at(-1);
  if (!link) throw new P2posError('CEREMONY_FILE_DAMAGED', { kind: 'root', reason: 'it holds no genesis' });
  const labelOf = (hex: string) => statements.find(({ key }) => equalBytes(key, fromHex(hex)))?.label ?? '';
  const keys = [...link.keys].sort().map((key) => `key ${key} ${labelOf(key)}`.trimEnd());
  return [
    `# The keys of the P2POS system ${root.genesis.name}. Keep this apart from the key files.`,
    `system ${systemId}`,
    `version ${link.version}`,
    `threshold ${link.threshold}`,
    ...keys,
    `head ${head}`,
    '',
  ].join('\n');
}
