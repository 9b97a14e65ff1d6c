/** The crowd of one app in a process of its own, so that what it does to others is done by the nodes alone. */
import { type Crowd, openCrowd } from './clients.ts';

const crowd = await openCrowd(JSON.parse(process.argv[2] ?? '') as Crowd);
process.send?.('ready');
process.on('message', async (order: { readonly perSecond: number; readonly seconds: number }) => {
  const { taken, refused, codes } = await crowd.ask(order.perSecond, order.seconds);
  process.send?.({ taken, refused, codes });
  crowd.close();
});
process.on('disconnect', () => process.exit());
