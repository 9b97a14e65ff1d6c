import type { Action } from '../action.ts';
import { withNode } from '../node-client.ts';
import { renderTable } from '../table.ts';

export const listTopics: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const topics = await withNode(invocation, ({ client }) => client.pubsub.topics({ signal }));
  if (options.json) terminal.print(JSON.stringify({ topics }));
  else if (topics.length === 0) terminal.say('nobody is subscribed to anything');
  else
    terminal.print(
      renderTable(
        ['topic', 'nodes'],
        topics.map(({ pattern, nodes }) => [pattern, String(nodes)]),
      ),
    );
  return undefined;
};

export const showPresence: Action = async (invocation, [topic = '']) => {
  const { terminal, options, signal } = invocation;
  const presence = await withNode(invocation, ({ client }) => client.pubsub.presence(topic, { signal }));
  if (options.json) terminal.print(JSON.stringify(presence));
  else if (presence.nodes.length === 0) terminal.say(`nobody is subscribed to ${topic}`);
  else {
    const rows = presence.nodes.map(({ peerId, clients }) => [peerId, String(clients)]);
    terminal.print(renderTable(['node', 'clients'], rows));
  }
  return undefined;
};
