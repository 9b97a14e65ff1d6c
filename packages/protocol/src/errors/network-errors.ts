/** The part of the error table about finding and reaching nodes: invitations, addresses, discovery. */
import type { ErrorEntry } from './entry.ts';

export const NETWORK_ERRORS = {
  INVITATION_INVALID: {
    status: 400,
    retry: false,
    text: 'The invitation is refused: {reason}. Ask a member for a new one: p2pctl invite',
  },
  INVITATION_ISSUER: {
    status: 403,
    retry: false,
    text: 'The invitation is signed by {issuerPeerId}, who is neither a member nor the admin of the system that it names. Ask a member for a new one: p2pctl invite',
  },
  JOIN_STALE: {
    status: 503,
    retry: true,
    text: 'The members that answered do not hold snapshot {epoch}, which the invitation demands; the greatest that they showed is {found}. Try again when more of them can be reached.',
  },
  JOIN_UNREACHABLE: {
    status: 503,
    retry: true,
    text: 'No member answered at the {addresses} addresses of the invitation: {reason}. Look whether this machine reaches them, or ask for a new invitation.',
  },
  HOME_JOINED: {
    status: 409,
    retry: false,
    text: '{home} belongs to {found} already, so it cannot join {asked}. Choose another folder with --home.',
  },
  DNS_FAILED: {
    status: 502,
    retry: true,
    text: 'The TXT records of {name} cannot be looked up: {reason}. Look at discovery.dns_servers and discovery.dns_over_https, and ask for the same name with another program.',
  },
  ADDRESS_INVALID: {
    status: 400,
    retry: false,
    text: 'Not an address that this node can dial: {address}: {reason}. It looks like /ip4/192.0.2.1/tcp/4100/p2p/12D3KooW…; p2pctl peers --json shows those that are known.',
  },
} as const satisfies Record<string, ErrorEntry>;
