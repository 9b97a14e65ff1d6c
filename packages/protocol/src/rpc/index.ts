/**
 * Calls between peers, whatever they run on: a node over any transport, a page over a WebSocket. One long-lived channel per
 * peer and capability, opened on first use, pipelined both ways. A capability is a value; its methods' bodies are CBOR, checked
 * by schema and size on both sides. What it promises is in the node's `core/rpc/DESIGN.md`.
 *
 * @example
 * const echo = defineCapability('/p2pos/echo/1.0.0', { say: { id: 1, input: z.string(), output: z.string() } });
 * const rpc = createRpc({ net, clock, log });
 * rpc.serve(echo, { say: async (text) => text });
 * await rpc.call(peerId, echo, 'say', 'hello', { timeoutMs: 1_000 });
 */
export {
  type CallContext,
  type CallOptions,
  type Capability,
  type CostClass,
  defineCapability,
  type Handlers,
  type Method,
  type Misconduct,
  type Rpc,
} from './capability.ts';
export { CLIENT } from './client.ts';
export {
  MAX_ADDRESSES_PER_PEER,
  MAX_HEARTBEAT_BYTES,
  PEERS,
  PEERS_LIMITS,
  PING,
  storePositionSchema,
} from './mesh.ts';
export { type Channel, type PeerId, type RpcLog, type RpcNet, silentRpcLog } from './ports.ts';
export { createRpc, type RpcConfig, type RpcDeps } from './rpc.ts';
export type { RpcLimits } from './session/account.ts';
export { type ByteStream, createStreamChannel } from './stream-channel.ts';
