/** The second process: serves all candidates, and ends when its parent does. */
import { createServer } from 'node:tls';
import { createSystemClock } from '../../packages/node/src/core/clock/index.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import { createRpc } from '../../packages/node/src/core/rpc/index.ts';
import { createTlsIdentity } from './tls-identity.ts';
import {
  ackCounter,
  bodyReader,
  createBenchNet,
  framed,
  messageReader,
  type ServerReady,
  SINK,
  STREAM_ECHO,
  work,
} from './work.ts';

process.on('disconnect', () => process.exit(0));

const tls = createServer({ ...createTlsIdentity(), minVersion: 'TLSv1.3' }, (socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  let mode: number | undefined;
  let answers: Buffer[] = [];
  const read = messageReader((message) => answers.push(framed(message)));
  const count = ackCounter((full) => socket.write(Buffer.alloc(full)));
  const gather = bodyReader(() => socket.write(Buffer.alloc(1)));
  socket.on('data', (chunk: Buffer) => {
    let data = chunk;
    if (!mode) {
      mode = chunk[0];
      data = chunk.subarray(1);
    }
    if (mode === 2) return count(data.length);
    if (mode === 3) return gather(data);
    read(data);
    if (answers.length > 0)
      socket.write(answers.length === 1 ? (answers[0] as Buffer) : Buffer.concat(answers));
    answers = [];
  });
});
await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));

const net = await createBenchNet({ listen: ['/ip4/127.0.0.1/tcp/0'] });
createRpc({ net, clock: createSystemClock(), log: silentLogger }).serve(work, {
  echo: async (input) => input,
  store: async () => null,
});
net.handle(STREAM_ECHO, (channel) => {
  const read = messageReader((message) => channel.send(framed(message)));
  channel.receive(read, () => channel.close());
});
net.handle(SINK, (channel) => {
  const count = ackCounter((full) => channel.send(new Uint8Array(full)));
  channel.receive(
    (chunk) => count(chunk.length),
    () => channel.close(),
  );
});
await net.start();

const address = tls.address();
const ready: ServerReady = {
  tlsPort: typeof address === 'object' && address ? address.port : 0,
  addresses: net.addresses(),
};
process.send?.(ready);
