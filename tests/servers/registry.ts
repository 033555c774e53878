/** Why tests through `@db/postgres` cannot run here; `undefined` where it can be loaded. */
export async function whyNoPostgresDriver(): Promise<string | undefined> {
  return await whyNotLoaded("@db/postgres", () => import("@db/postgres"));
}

/** Why tests through `@db/redis` cannot run here; `undefined` where it can be loaded. */
export async function whyNoRedisDriver(): Promise<string | undefined> {
  return await whyNotLoaded("@db/redis", () => import("@db/redis"));
}

async function whyNotLoaded(
  name: string,
  load: () => Promise<unknown>,
): Promise<string | undefined> {
  try {
    await load();
    return undefined;
  } catch (error) {
    return `${name} cannot be loaded: ${error instanceof Error ? error.message : error}`;
  }
}
