import type { Target } from '../engine.ts';
import { capabilityTargets } from './capabilities.ts';
import { decoderTargets } from './decoders.ts';

export const targets: readonly Target[] = [...decoderTargets, ...capabilityTargets];
