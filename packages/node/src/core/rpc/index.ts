/**
 * Calls between nodes: one long-lived channel per peer and capability, opened on first use, pipelined both ways.
 * A capability is a value; its methods' bodies are CBOR, checked by schema and size on both sides. Pages are peers too, so
 * what both ends run is in `protocol/src/rpc/`; what it promises is in DESIGN.md, and its tests over whole networks are here.
 *
 * @example
 * const echo = defineCapability('/p2pos/echo/1.0.0', { say: { id: 1, input: z.string(), output: z.string() } });
 * rpc.serve(echo, { say: async (text) => text });
 * await rpc.call(peerId, echo, 'say', 'hello', { timeoutMs: 1_000 });
 */
export {
  type CallContext,
  type CallOptions,
  type Capability,
  type CostClass,
  createRpc,
  defineCapability,
  type Handlers,
  type Method,
  type Misconduct,
  type Rpc,
  type RpcConfig,
  type RpcDeps,
  type RpcLimits,
} from '@p2pos/protocol/rpc';
