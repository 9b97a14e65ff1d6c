/** What the topics or groups of one app keep in memory on this node. */
export interface Account {
  bytes: number;
  readonly maxBytes: number;
}

/** One for each app. */
export function createAccounts(maxBytes: number): (app: string) => Account {
  const accounts = new Map<string, Account>();
  return (app) => {
    const account = accounts.get(app) ?? { bytes: 0, maxBytes };
    accounts.set(app, account);
    return account;
  };
}
