/**
 * Updates of the node's own software (P13): a release manifest signed by k of n release keys goes over the system one node
 * at a time, under a lease, while every other member is connected and no slot moves. Each node verifies the manifest and
 * the artefact's hash before anything of it runs; a new version that does not become healthy is gone back from by the
 * launcher, and the update pauses. Nothing below the highest finalized version is installed or started.
 *
 * @example
 * await using update = await createUpdate({ host, records, membership, … }, { version: '0.1.0', replicas: 3, intervalMs: 10_000 });
 * await update.apply(signedManifest);
 * (await update.status()).rollout?.state; // 'rolling'
 */
export type { Trial, UpdateHost } from './host.ts';
export { createUpdateHandlers } from './routes.ts';
export { createUpdate, type Update, type UpdateConfig, type UpdateDeps } from './update.ts';
