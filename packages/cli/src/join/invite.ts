/** Prints an invitation, signed by the node or with the admin's key. */
import { resolve } from 'node:path';
import type { Invitation } from '@p2pos/protocol';
import {
  decodeDocument,
  formatInvitation,
  type InvitationText,
  peerIdFromPublicKey,
  snapshotDocument,
} from '@p2pos/protocol';
import QRCode from 'qrcode';
import type { Action } from '../action.ts';
import { crypto, readKeyFile } from '../keys.ts';
import { type Connected, withNode } from '../node-client.ts';

export const printInvitation: Action = async (invocation, _args, flags) => {
  const { terminal, options, signal, folder } = invocation;
  const { address, qr, adminKey } = flags as {
    address?: readonly string[];
    qr?: boolean;
    adminKey?: string;
  };
  const given = { signal, ...(address && { addresses: address }) };
  const invitation = await withNode(invocation, async (connected) => {
    const answer = await connected.client.network.invite(given);
    return adminKey === undefined ? answer : signAsAdmin(connected, answer, resolve(folder, adminKey));
  });
  if (options.json) {
    terminal.print(JSON.stringify(invitation));
    return undefined;
  }
  if (qr) terminal.say(await QRCode.toString(invitation.text, { type: 'utf8', errorCorrectionLevel: 'L' }));
  terminal.print(invitation.text);
  terminal.say('On the other machine: p2pctl join INVITATION');
  return undefined;
};

/** The same, for a machine that trusts the admin's key only. */
async function signAsAdmin(
  { client }: Connected,
  { systemId, epoch, addresses }: InvitationText,
  keyFile: string,
): Promise<InvitationText> {
  const signer = readKeyFile(keyFile);
  const snapshot = decodeDocument(snapshotDocument, await client.members.snapshot(), crypto);
  const invitation: Invitation = {
    version: 1,
    systemId,
    epoch: snapshot.body.epoch,
    snapshot: snapshot.hash,
    issuerPeerId: peerIdFromPublicKey(signer.publicKey),
    addresses,
  };
  return { text: await formatInvitation(invitation, signer, crypto), systemId, epoch, addresses };
}
