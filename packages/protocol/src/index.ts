export * from './crypto.ts';
export * from './documents/bodies.ts';
export * from './errors.ts';
