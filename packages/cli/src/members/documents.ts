/** Documents of the membership that a node holds, page after page; who stops early asks for no more. */
import { membersRoutes } from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';

type List = 'branches' | 'rotations' | 'revocations';

export async function* documentsAt(
  client: Pick<Client, 'call'>,
  list: List,
  options?: { readonly signal?: AbortSignal },
): AsyncGenerator<{ readonly hash: string; readonly bytes: string }> {
  let cursor: string | null = null;
  do {
    const page: { documents: { hash: string; bytes: string }[]; cursor: string | null } = await client.call(
      membersRoutes.documents,
      { list, ...(cursor !== null && { cursor }) },
      options,
    );
    yield* page.documents;
    cursor = page.cursor;
  } while (cursor !== null);
}
