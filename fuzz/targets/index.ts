import type { Target } from '../engine.ts';
import { capabilityTargets } from './capabilities.ts';
import { contentTargets } from './contents.ts';
import { decoderTargets } from './decoders.ts';
import { entryTargets } from './entries.ts';
import { recordTargets } from './records.ts';

export const targets: readonly Target[] = [
  ...decoderTargets,
  ...capabilityTargets,
  ...recordTargets,
  ...contentTargets,
  ...entryTargets,
];
