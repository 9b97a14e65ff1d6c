/** `dev.json`: the nodes of a development system, for p2pctl and other programs; `settings`: what `dev` itself keeps. */
import { z } from 'zod';
import { readJsonFile, writeJsonFile } from '../json-file.ts';
import type { Layout } from './layout.ts';

const DevFileNode = z.object({
  name: z.string(),
  /** Null while it does not run. */
  pid: z.int().nullable(),
  peerId: z.string(),
  http: z.string(),
  p2p: z.array(z.string()),
  home: z.string(),
  tokenFile: z.string(),
});
const DevFile = z.object({ systemId: z.string(), nodes: z.array(DevFileNode) });
export type DevFile = z.infer<typeof DevFile>;

export const readDevFile = (file: string): DevFile | undefined => readJsonFile(file, DevFile);
export const writeDevFile = (layout: Layout, content: DevFile): void =>
  writeJsonFile(layout.devFile, content, { durable: false });

const Settings = z.object({
  format: z.literal(1),
  systemId: z.string(),
  /** HTTP of node i is on port + i. */
  port: z.int(),
  nodes: z.array(
    z.object({
      name: z.string(),
      peerId: z.string(),
      p2p: z.array(z.string()),
      /** Stopped by name: stays so until it is started by name. */
      stopped: z.boolean(),
      /** A snapshot has named it; whether one still does is the system's to say. */
      joined: z.boolean(),
    }),
  ),
});
export type Settings = z.infer<typeof Settings>;

export const readSettings = (layout: Layout): Settings | undefined => readJsonFile(layout.settings, Settings);
export const writeSettings = (layout: Layout, settings: Settings): void =>
  writeJsonFile(layout.settings, settings);
