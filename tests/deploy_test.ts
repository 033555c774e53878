import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { setTimeout as delay } from "node:timers/promises";
import { configArgs } from "../tools/deno_args.ts";
import { findPostgres } from "./servers/postgres.ts";
import { freePort } from "./servers/port.ts";
import { whyNoPostgresDriver } from "./servers/registry.ts";

const SERVICE = fromFileUrl(new URL("../examples/deploy.ts", import.meta.url));
const PATIENCE_MS = 20_000;

const server = await findPostgres();
const reason = await whyNoPostgresDriver();

Deno.test({
  name: "the service goes on with a run after SIGKILL, through @db/postgres",
  ignore: reason !== undefined,
  async fn() {
    await using database = await server.createDatabase();
    let service = await serve({ DATABASE_URL: database.dsn });
    try {
      const key = { "idempotency-key": "first" };
      const accepted = await service.post("/runs", { topic: "Bees & trees" }, key);
      await service.kill(); // the run is stored before the answer, or it is lost now
      assertEquals([accepted.status, accepted.location], [202, "/runs/first"]);

      service = await serve({ DATABASE_URL: database.dsn });
      const found = await service.show("/runs/first");
      assertEquals([found.status, found.completedNodes], ["running", []]);
      const twice = await service.post("/runs", { topic: "Bees" }, key);
      assertEquals([twice.status, twice.location], [409, "/runs/first"]);

      assertEquals((await service.post("/runs/first/resume")).status, 202);
      const paused = await service.until("/runs/first", ({ status }) => status === "paused");
      assertEquals(paused.pauses, [
        { id: "review#1", node: "review", reason: 'Publish "All about Bees & trees."?' },
      ]);
      const { location: second } = await service.post("/runs", { topic: "Moss" });
      assert(second !== null && second !== "/runs/first");
      await service.until(second, ({ status }) => status === "paused");
      assertEquals(await service.list("/runs?status=paused"), [second, "/runs/first"]);
      assertEquals(await service.list("/runs?status=failed"), []);

      assertEquals((await service.post("/runs/first/resume")).status, 409);
      assertEquals((await service.post("/runs/first/approve", { pauseId: "no" })).status, 409);
      assertEquals(
        (await service.post("/runs/first/approve", { update: { url: "x" } })).status,
        400,
      );
      const note = { by: "ana", update: { note: "shorter" }, pauseId: "review#1" };
      assertEquals((await service.post("/runs/first/approve", note)).status, 202);
      const again = await service.until(
        "/runs/first",
        ({ pauses }) => pauses[0]?.id === "review#2",
      );
      assertEquals(again.state.text, "All about Bees & trees. (shorter)");

      const rivals = await Promise.all(["ana", "bo"].map(async (by) => {
        const { status } = await service.post("/runs/first/approve", { by });
        return status;
      }));
      assertEquals(rivals.sort(), [202, 409]);
      // Takes over what goes on here: the call before it fails when nobody waits for it any more.
      let takeover = 409;
      while (takeover === 409) takeover = (await service.post("/runs/first/resume")).status;
      assertEquals(takeover, 202); // a 409 before it: the other call saved at the same moment
      const written = ["write", "review", "write", "review", "illustrate"];
      await service.until("/runs/first", ({ completedNodes }) => completedNodes.length === 5);
      const log = await service.kill(); // while it publishes
      assertStringIncludes(log, "another worker went on with the run");
      assert(!log.includes("Uncaught"), log);

      service = await serve(asVariables(database.dsn));
      const killed = await service.show("/runs/first");
      assertEquals([killed.status, killed.completedNodes], ["running", written]);
      assertEquals((await service.post("/runs/first/resume")).status, 202);
      const done = await service.until("/runs/first", ({ status }) => status === "completed");
      assertEquals(done.completedNodes, [...written, "publish"]);
      assertMatch(done.state.url, /^https:\/\/example\.com\/bees-trees\?key=.*publish/);
      assertEquals((await service.post("/runs/first/approve")).status, 409);
    } finally {
      await service.kill();
    }
  },
});

Deno.test("the service refuses what is wrong, and says when it has no database", async () => {
  const service = await serve({ DATABASE_URL: `postgresql://nobody@127.0.0.1:${freePort()}/none` });
  try {
    for (const body of ["{", "[1]", '"x"', "{}", '{"topic":""}', '{"topic":"x","other":1}']) {
      assertEquals((await service.send("/runs", { method: "POST", body })).status, 400, body);
    }
    assertEquals((await service.get("/runs?status=other")).status, 400);
    assertEquals((await service.get("/runs/%ff")).status, 400);
    assertEquals((await service.post("/runs/x/approve", { surprise: 1 })).status, 400);
    for (const path of ["/runs/", "/runs/x/y", "/other"]) {
      assertEquals((await service.get(path)).status, 404, path);
    }
    assertMatch((await service.get("/")).text, /^<!doctype html>/);
    assertEquals((await service.post("/runs", { topic: "x" })).status, 503);
    assertEquals((await service.post("/runs/any/resume", {})).status, 503);
    const log = await service.kill();
    assertMatch(log, /^CheckpointSaveError: /m);
    assert(!log.includes("Uncaught"), log);
  } finally {
    await service.kill();
  }
});

/** Where a database is, as the PG* variables that Deno Deploy sets beside DATABASE_URL. */
function asVariables(dsn: string): Readonly<Record<string, string>> {
  const { hostname, port, username, password, pathname } = new URL(dsn);
  return {
    PGHOST: hostname,
    PGPORT: port || "5432",
    PGUSER: username,
    PGPASSWORD: password,
    PGDATABASE: pathname.slice(1),
  };
}

/** What the service tells of a run. */
interface Shown {
  readonly runId: string;
  readonly status: string;
  readonly completedNodes: readonly string[];
  readonly pauses: readonly {
    readonly id: string;
    readonly node: string;
    readonly reason: string;
  }[];
  readonly state: { readonly text: string; readonly url: string };
}

interface Answer {
  readonly status: number;
  readonly location: string | null;
  readonly text: string;
}

/** Serves the example with the permissions that it says it needs. */
async function serve(env: Readonly<Record<string, string>>) {
  const inherited = Object.entries(Deno.env.toObject())
    .filter(([name]) => !name.startsWith("PG") && name !== "DATABASE_URL");
  const permissions = ["--allow-net", "--allow-env"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["serve", ...configArgs(), ...permissions, "--host", "127.0.0.1", "--port", "0", SERVICE],
    clearEnv: true,
    env: { ...Object.fromEntries(inherited), ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();

  let log = "";
  const listening = Promise.withResolvers<string>();
  const reading = read(child.stderr, (text) => {
    log += text;
    const origin = /Listening on (http:\S+)\//.exec(log)?.[1];
    if (origin !== undefined) listening.resolve(origin);
  }).finally(() => listening.reject(new Error(`The service ended: ${log}`)));
  const origin = await listening.promise;

  async function send(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(`${origin}${path}`, init);
    const location = response.headers.get("location");
    return { status: response.status, location, text: await response.text() };
  }
  const get = (path: string) => send(path, {});
  async function show(path: string): Promise<Shown> {
    const { status, text } = await get(path);
    assertEquals(status, 200, text);
    return JSON.parse(text);
  }

  return {
    send,
    get,
    show,
    /** The paths of the runs in a list. */
    async list(path: string): Promise<string[]> {
      const runs: readonly Shown[] = JSON.parse((await get(path)).text);
      return runs.map(({ runId }) => `/runs/${runId}`);
    },
    post: (path: string, body: object = {}, headers: Readonly<Record<string, string>> = {}) =>
      send(path, { method: "POST", body: JSON.stringify(body), headers }),
    /** Asks for a run until it is as it should be. */
    async until(path: string, isDone: (run: Shown) => boolean): Promise<Shown> {
      const deadline = performance.now() + PATIENCE_MS;
      for (;;) {
        const run = await show(path);
        if (isDone(run)) return run;
        assert(performance.now() < deadline, `${path} stays ${JSON.stringify(run)}; ${log}`);
        await delay(50);
      }
    },
    /** Ends it without a warning; comes back with all that it logged. */
    async kill(): Promise<string> {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended already
      }
      await Promise.all([child.status, reading]);
      return log;
    },
  };
}

async function read(stream: ReadableStream<BufferSource>, take: (text: string) => void) {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
