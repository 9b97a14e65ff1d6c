/** The contract of health: one word for machines, named checks for people. */
import { z } from 'zod';
import { defineRoutes, json } from './contract/route.ts';

export const HealthStatus = z.enum(['ok', 'degraded', 'failing']);
export type HealthStatus = z.output<typeof HealthStatus>;

export const HealthCheck = z.object({
  name: z.string(),
  status: HealthStatus,
  /** What is wrong and what to do; for `ok` what was looked at. */
  detail: z.string(),
});
export type HealthCheck = z.output<typeof HealthCheck>;

export const Health = z.object({
  /** The worst of the checks. */
  status: HealthStatus,
  checks: z.array(HealthCheck),
});
export type Health = z.output<typeof Health>;

export const healthRoutes = defineRoutes({
  read: {
    summary: 'Whether this node can do its work, check by check.',
    method: 'GET',
    path: '/v1/health',
    grant: 'loopback',
    output: json(Health),
    errors: [],
  },
});
