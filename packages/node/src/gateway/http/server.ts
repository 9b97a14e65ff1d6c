/** The server below the framework, with its bounds on time and headers. */
import { createServer, type Server } from 'node:http';
import type { HttpLimits } from '../config.ts';

export function createHttpServer(handle: Parameters<typeof createServer>[1], limits: HttpLimits): Server {
  return createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.receiveTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(30_000, Math.ceil(limits.headersTimeoutMs / 4)),
      // Absent hosts are refused in the shape of all our errors.
      requireHostHeader: false,
    },
    handle,
  );
}
