/** What the test drives: the peer of the SDK, as an application would bundle it. */
import { connect, P2posError } from '@p2pos/sdk';
import { connectPeer } from '@p2pos/sdk/peer';

Object.assign(globalThis, { p2pos: { connect, connectPeer, P2posError } });
