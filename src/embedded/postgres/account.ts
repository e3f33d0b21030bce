import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Whom the server runs as, in the shape of spawn's options; empty is the user of this process. */
export type Account = { uid: number; gid: number } | Record<string, never>;

/**
 * PostgreSQL refuses to run as root. Started by root it runs as the cluster's owner; for a new cluster as `postgres` where the
 * machine has that account, else as `nobody`, which every Unix has. No account is created: that would change the machine beyond
 * the project's folder, and the tools for it differ or are missing. The account must be a named one, initdb looks it up.
 */
export async function chooseAccount(clusterFolder: string): Promise<Account> {
  const owner = await stat(clusterFolder).catch(() => undefined);
  const self = process.getuid?.() ?? -1;
  if (self !== 0) {
    if (owner && owner.uid !== self) {
      throw new Error(
        `The PostgreSQL cluster ${clusterFolder} belongs to user id ${owner.uid}: start as that user or as root, or delete it.`,
      );
    }
    return {};
  }
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const account = (await lookUp('postgres')) ?? (await lookUp('nobody'));
  if (!account) {
    throw new Error(
      'PostgreSQL does not run as root, and this machine has no user "postgres" or "nobody": start as another user, or set DATABASE_URL.',
    );
  }
  return account;
}

async function lookUp(name: string): Promise<Account | undefined> {
  const id = async (flag: string) => Number((await promisify(execFile)('id', [flag, name])).stdout);
  try {
    return { uid: await id('-u'), gid: await id('-g') };
  } catch {
    return undefined;
  }
}
