/** Every operation of the contract with every input and every field of its answer, there and back: values made from the schemas. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, type Route } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { inputSample, outputSample } from '../packages/node/src/testing/contract-samples.ts';
import { createTestDoor } from '../packages/node/src/testing/http-door.ts';

const operations = Object.entries(contract)
  // These the door serves itself; `contract.test.ts` has them.
  .filter(([capability]) => capability !== 'dev' && capability !== 'session')
  .flatMap(([capability, routes]) =>
    Object.entries<Route>(routes).map(([name, route]) => ({ id: `${capability}.${name}`, route })),
  );

for (const transport of ['http', 'socket'] as const)
  test(`every input and every answer of every operation, by ${transport}`, async () => {
    let heard: unknown;
    const onCall = (id: string, { body, ...input }: Record<string, unknown>) => {
      // Node's buffers are views of larger ones.
      heard = [
        id,
        {
          ...input,
          ...(body !== undefined && { body: body instanceof Uint8Array ? Uint8Array.from(body) : body }),
        },
      ];
    };
    await using door = await createTestDoor({ onCall });
    await using client = connect({ url: door.url, token: door.token, transport });
    for (const { id, route } of operations) {
      const input = inputSample(route);
      const output = await client.call(route, input as never);
      assert.deepEqual(heard, [id, input]);
      assert.deepEqual(output, outputSample(route), id);
    }
    assert.deepEqual(door.errors, []);
  });
