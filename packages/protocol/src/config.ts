/** The contract of a node's settings: what changed in its files can be taken up while it runs, as far as it can. */
import { z } from 'zod';
import { defineRoutes, json } from './contract/route.ts';

export const ReloadOutcome = z.object({
  /** Keys of `node.toml` whose new value is in force. */
  applied: z.array(z.string()),
  /** Changed too, but in force only after the next start. */
  needsRestart: z.array(z.string()),
});
export type ReloadOutcome = z.output<typeof ReloadOutcome>;

export const configRoutes = defineRoutes({
  reload: {
    summary:
      'Reads the settings again and takes up what can be changed while the node runs; a mistake changes nothing.',
    method: 'POST',
    path: '/v1/config/reload',
    grant: 'config:reload',
    output: json(ReloadOutcome),
    errors: ['CONFIG_INVALID'],
    repeatable: true,
  },
});
