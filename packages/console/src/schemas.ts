/** Imported before everything else: schemas are then checked without `new Function`, which the page's policy refuses. */
import { config } from 'zod';

config({ jitless: true });
