/** The home of a node in a development system: its key, its p2p ports for ever, its `node.toml`. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { P2posError } from '@p2pos/protocol';
import { replaceFile } from '../json-file.ts';
import type { Layout, NodeLayout } from './layout.ts';
import { chooseFreePorts } from './ports.ts';

export interface NodeHome {
  readonly name: string;
  readonly layout: NodeLayout;
  readonly peerId: string;
  /** Where it listens, without its peer id. */
  readonly listen: readonly string[];
  /** Where it is reached, tcp first. */
  readonly p2p: readonly string[];
}

/** Replaces what lies there. */
export async function createNodeHomes(
  layout: Layout,
  names: readonly string[],
  makeIdentity: (home: string) => Promise<string>,
): Promise<NodeHome[]> {
  const ports = await chooseFreePorts(2 * names.length);
  return await Promise.all(
    names.map(async (name, index) => {
      const node = layout.node(name);
      const [port, wsPort] = ports.slice(2 * index);
      if (port === undefined || wsPort === undefined) {
        throw new P2posError('HOME_UNUSABLE', {
          home: layout.home,
          reason: 'no free ports were found for its nodes',
        });
      }
      rmSync(node.home, { recursive: true, force: true });
      mkdirSync(node.home, { recursive: true, mode: 0o700 });
      mkdirSync(dirname(node.genesis), { mode: 0o700 });
      const peerId = await makeIdentity(node.home);
      const at = '/ip4/127.0.0.1';
      const listen = [`${at}/tcp/${port}`, `${at}/udp/${port}/quic-v1`, `${at}/tcp/${wsPort}/ws`];
      return { name, layout: node, peerId, listen, p2p: listen.map((address) => `${address}/p2p/${peerId}`) };
    }),
  );
}

export interface NodeSettings {
  readonly systemId: string;
  readonly httpPort: number;
  readonly initConnections: readonly string[];
}

export function writeNodeConfig({ layout, listen }: NodeHome, settings: NodeSettings): void {
  replaceFile(
    layout.config,
    `# Written by p2pctl dev when the node was founded. What you add stays; p2pctl config show explains every key.
[system]
id = ${quote(settings.systemId)}

[net]
listen = ${list(listen)}

[discovery]
init_connections = ${list(settings.initConnections)}

[http]
listen = ${quote(`127.0.0.1:${settings.httpPort}`)}

[sql]
engines = "development"
`,
  );
}

const HTTP_LISTEN = /^(\[http\][^[]*?^listen\s*=\s*)"[^"\n]*"/m;

/** For another `--port`: the one line changes, all else stays as it is. */
export function setHttpPort(layout: NodeLayout, port: number): void {
  const text = readFileSync(layout.config, 'utf8');
  const changed = text.replace(HTTP_LISTEN, (_, before: string) => `${before}${quote(`127.0.0.1:${port}`)}`);
  if (changed !== text) replaceFile(layout.config, changed);
}

/** A TOML basic string: JSON's escapes are among those that TOML knows. */
const quote = (text: string): string => JSON.stringify(text);

function list(values: readonly string[]): string {
  return values.length === 0 ? '[]' : `[\n${values.map((value) => `  ${quote(value)},\n`).join('')}]`;
}
