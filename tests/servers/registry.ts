/** Why tests through `@db/postgres` cannot run here; `undefined` where it can be loaded. */
export async function whyNoPostgresDriver(): Promise<string | undefined> {
  try {
    await import("@db/postgres");
    return undefined;
  } catch (error) {
    return `@db/postgres cannot be loaded: ${error instanceof Error ? error.message : error}`;
  }
}
