/** A door on which every operation and every stream answers with samples of the contract. */
import { type Stream, type StreamKind, streams } from '@p2pos/protocol';
import { inputSample, sample } from '../../packages/node/src/testing/contract-samples.ts';
import { createTestDoor, type TestDoor } from '../../packages/node/src/testing/http-door.ts';

export function createSampleDoor(
  onCall: (id: string, input: Record<string, unknown>) => void = () => {},
): Promise<TestDoor> {
  return createTestDoor({
    onCall,
    streams: Object.entries<Stream>(streams).map(([kind, stream]) => ({
      kind,
      stream,
      open: async (_, { signal }) => ({
        opened: sample(stream.opened) as never,
        events: (async function* () {
          for (const [type, schema] of Object.entries(stream.events))
            yield { type, ...(sample(schema) as object) } as never;
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        })(),
      }),
    })),
  });
}

export function streamInput(kind: StreamKind): Record<string, unknown> {
  const { input } = streams[kind] as Stream;
  return inputSample({ params: input, output: { kind: 'empty', headers: {} } } as never);
}
