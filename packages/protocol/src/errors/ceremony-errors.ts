/** The part of the error table about key files, ceremonies and releases. */
import type { ErrorEntry } from './entry.ts';

export const CEREMONY_ERRORS = {
  SEALED_KEY_INVALID: {
    status: 400,
    retry: false,
    text: 'The key file {file} is damaged: {reason}. Take the copy that was made of it.',
  },
  SEALED_KEY_PASSPHRASE: {
    status: 403,
    retry: false,
    text: 'The passphrase does not open {file}. Try again; if it is lost, nothing opens this file: the other key holders replace the key with p2pctl system rotate.',
  },
  SEALED_KEY_PASSPHRASE_NEEDED: {
    status: 400,
    retry: false,
    text: 'The key file {file} is sealed, and there is no keyboard to ask for its passphrase. Name a file that holds it with --passphrase-file.',
  },
  ADMIN_BUNDLE_INVALID: {
    status: 400,
    retry: false,
    text: 'This is no admin bundle: {reason}. It begins with p2pos-admin:// and is one text without blanks; ask whoever made it for another copy.',
  },
  CEREMONY_FILE_KIND: {
    status: 400,
    retry: false,
    text: 'The file is {found}; a {expected} is needed here. p2pctl keys inspect FILE says what a file is.',
  },
  CEREMONY_FILE_DAMAGED: {
    status: 400,
    retry: false,
    text: 'The {kind} was changed or damaged on its way: {reason}. Have it sent again.',
  },
  CEREMONY_FILE_EXISTS: {
    status: 409,
    retry: false,
    text: '{file} is there already and is not replaced. Choose another place with --out.',
  },
  CEREMONY_SYSTEM: {
    status: 409,
    retry: false,
    text: 'The request is for the system {found}, but {expected} was named. Do not sign it; ask who sent it.',
  },
  CEREMONY_UNPINNED: {
    status: 400,
    retry: false,
    text: 'Say which system you sign for with --system-id sys1… or --pinned FILE: a request could name any. This one names {systemId}.',
  },
  CEREMONY_NOT_CONFIRMED: {
    status: 409,
    retry: false,
    text: 'Nothing was signed, since it was not confirmed. Read what is asked, then answer yes, or give --yes.',
  },
  CEREMONY_KEY_UNASKED: {
    status: 403,
    retry: false,
    text: 'The key {key} is none of those that may sign this {kind}. Take the key file that belongs to this system (p2pctl keys inspect).',
  },
  CEREMONY_KEY_ROLE: {
    status: 400,
    retry: false,
    text: 'The public key of {label} was made as {found} key, not as {expected} key. Make one of the right kind with p2pctl keys create --role {expected}.',
  },
  CEREMONY_KEY_TWICE: {
    status: 400,
    retry: false,
    text: 'The key {key} is named twice. Each key holder must have a key of their own.',
  },
  CEREMONY_SHARE_FOREIGN: {
    status: 409,
    retry: false,
    text: 'The share of key {key} is for another request ({found}, not {expected}). One of them was changed or mixed up: send the holder the right request.',
  },
  CEREMONY_SHARE_TWICE: {
    status: 409,
    retry: false,
    text: 'Two shares are of the key {key}; each holder counts once. Leave one out and ask another holder.',
  },
  CEREMONY_SHARE_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The share of key {key} does not verify. Have it signed again.',
  },
  CEREMONY_SHARES_MISSING: {
    status: 409,
    retry: false,
    text: '{have} of the {need} signatures by the {set} keys are there. Still to be asked: {missing}.',
  },
  TRANSCRIPT_BROKEN: {
    status: 409,
    retry: false,
    text: 'The transcript does not hold at line {line}: {reason}. Compare it with the copies of other key holders.',
  },
  AUTO_TLS_UNAVAILABLE: {
    status: 500,
    retry: false,
    text: 'net.auto_tls is on, and no certificate can be had: {reason}. Set it to auto to serve without one, or to off.',
  },
  RELEASE_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The release is refused: {reason}. Only a manifest signed by enough release keys of this system is installed.',
  },
  RELEASE_EXPIRED: {
    status: 409,
    retry: false,
    text: 'The manifest of release {version} ended at {expires}. Ask for a newer one: p2pctl update check',
  },
  RELEASE_OLDER: {
    status: 409,
    retry: false,
    text: 'Release {version} is refused: this system has finalized {finalized}, and nothing older is installed.',
  },
  RELEASE_TOO_FAR: {
    status: 409,
    retry: false,
    text: 'Release {version} can be installed from {minFrom} on; {running} runs here. Install one in between first.',
  },
  RELEASE_PLATFORM: {
    status: 409,
    retry: false,
    text: 'Release {version} has nothing for {platform}.',
  },
  RELEASE_ARTEFACT: {
    status: 409,
    retry: false,
    text: 'The artefact of release {version} is refused: {reason}. Nothing of it was run.',
  },
  UPDATE_UNSUPPORTED: {
    status: 409,
    retry: false,
    text: 'This node cannot replace its own software: {reason}. Install it with deploy/install.sh.',
  },
  UPDATE_NONE: {
    status: 404,
    retry: false,
    text: 'No update is under way. Start one with: p2pctl update apply MANIFEST',
  },
  UPDATE_UNFINISHED: {
    status: 409,
    retry: false,
    text: 'The update to {version} cannot be finalized yet: {reason}.',
  },
} as const satisfies Record<string, ErrorEntry>;
