/** The crowd of one app in a process of its own, so that what it does to others is done by the nodes alone. */
import { type Crowd, type Order, type Outcome, openCrowd } from './clients.ts';

/** What the flood tells of itself. */
export type Flooded = Omit<Outcome, 'latenciesMs'>;

const crowd = await openCrowd(JSON.parse(process.argv[2] ?? '') as Crowd);
process.send?.('ready');
process.on('message', async (order: Order) => {
  const { latenciesMs: _, ...flooded } = await crowd.ask(order);
  process.send?.(flooded satisfies Flooded);
  crowd.close();
});
process.on('disconnect', () => process.exit());
