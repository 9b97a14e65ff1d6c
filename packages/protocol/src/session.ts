/** The contract of the page's session: a link that works once, exchanged for a cookie that scripts cannot read. */
import { z } from 'zod';
import { bytes, defineRoutes, header, json } from './contract/route.ts';

export const sessionRoutes = defineRoutes({
  link: {
    summary: 'A link that opens the page once, within 60 s.',
    method: 'POST',
    path: '/v1/session/link',
    grant: 'admin:session',
    output: json(z.object({ url: z.url(), /** RFC 3339. */ expiresAt: z.string() })),
    errors: [],
    status: 201,
  },
  exchange: {
    summary: 'Spends a link: sets the session cookie and leads to the page.',
    method: 'GET',
    path: '/session/{secret}',
    grant: 'none',
    params: { secret: z.string().regex(/^[\w-]{1,128}$/, { error: 'is no link of this node' }) },
    output: bytes('text/html; charset=utf-8', { cookie: header('set-cookie', z.string().optional()) }),
    errors: ['SESSION_LINK_INVALID'],
    invalid: { secret: 'SESSION_LINK_INVALID' },
    repeatable: false,
  },
});
