import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { basename, dirname, fromFileUrl, join, toFileUrl } from "@std/path";
import { FileCheckpointer } from "../backends/file.ts";
import { splitRequirements } from "../examples/software_factory/requirements.ts";
import { configArgs } from "../tools/deno_args.ts";
import { findPostgres } from "./servers/postgres.ts";
import { startRedis } from "./servers/redis.ts";
import { whyNoPostgresDriver, whyNoRedisDriver } from "./servers/registry.ts";

const server = await findPostgres();
const redis = await startRedis();
const reason = await whyNoPostgresDriver();
const redisReason = await whyNoRedisDriver();

const EXAMPLES = new URL("../examples/", import.meta.url);

/** Tested in tests/deploy_test.ts: it is served, not run. */
const SERVED = ["deploy"];

/** What each example must print; `folder` is where it ran, and where its temporary files are. */
const CHECKS: Readonly<Record<string, (output: string, folder: string) => Promise<void> | void>> = {
  approvals: prints(`b Refund order B-2? {"amount":15}
a Refund order A-1? {"amount":90}
AnswerValidationError
paid 60; No refund for B-2
ben said no: used for a year
`),
  events: checkEvents,
  hello: checkHello,
  map_reduce: checkMapReduce,
  postgres: checkPostgresWithoutServer,
  redis: checkRedisWithoutServer,
  retention: prints(`32 checkpoints removed
20 pages: checkpoints 20, 19
10 pages: checkpoints 10, 9
5 pages: checkpoints 5, 4
0 runs removed
`),
  retries: checkRetries,
  shutdown: prints(`unwanted: cancelled
kept: drained after 3 steps
kept: completed after 5 steps by worker 2
`),
  software_factory: checkSoftwareFactory,
  sub_pipeline: prints(`  looks for a room in Rome
  looks for a room in Oslo
  looks for a room in Bordeaux
  looks for a room in Amsterdam
  Bordeaux for 240? no
  Amsterdam for 270? yes
a room in Rome, a room in Oslo, a park in Bordeaux, a room in Amsterdam
__start__ > offer > ask > __resume__ > ask > sleepOutside
0 inner runs are left
`),
  support_agent: checkSupportAgent,
  time_travel: prints(`2  write      log, text
1  outline    log, outline
0  __start__
An essay with one point on coffee.
forked from checkpoint 1 of the first run
`),
  tracing: checkTracingWithoutExporter,
  versions: prints(`Ana pays 1250 cents
4  version 2  first, last, cents, receipt
3  version 2  first, last, cents, receipt
2  version 2  first, last, cents, receipt
1  version 1  name, price
0  version 1  name, price
PipelineVersionError
`),
  // Its work is tested in tests/workers_test.ts.
  worker: prints("Run it with PG_DSN or REDIS_URL set, in several terminals at once\n"),
};

/** What an example prints that is the same every time. */
function prints(expected: string): (output: string) => void {
  return (output) => assertEquals(output, expected);
}

Deno.test("every example has a check", () => {
  const files = [...Deno.readDirSync(EXAMPLES)].filter(({ isFile }) => isFile);
  const names = files.map(({ name }) => name).filter((name) => name.endsWith(".ts"));
  const checked = [...Object.keys(CHECKS), ...SERVED].map((name) => `${name}.ts`);
  assertEquals(names.sort(), checked.sort());
});

for (const [name, check] of Object.entries(CHECKS)) {
  Deno.test(`the example ${name} says how to run it, runs, and prints plain text`, async () => {
    const header = (await readExample(name)).split("\n").slice(0, 2).join("\n");
    const command = name === "software_factory" ? "deno task example" : `deno task example ${name}`;
    assertMatch(header, new RegExp(`^//.*\\bRun: ${command}$`, "ms"));

    const folder = await Deno.makeTempDir();
    try {
      const output = await runWell(name, folder);
      // deno-lint-ignore no-control-regex -- control characters are what must not be there
      assertEquals(output.match(/[\x00-\x09\x0b-\x1f\x7f]/g), null);
      await check(output, folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test({
  name: "the factory fails in one process and goes on in another, through @db/postgres",
  ignore: reason !== undefined,
  async fn() {
    await using database = await server.createDatabase();
    const folder = await Deno.makeTempDir();
    try {
      const output = await runWell("software_factory", folder, { PG_DSN: database.dsn });
      const [inFiles = "", inPostgres = ""] = storesOf(output);
      await checkSoftwareFactory(inFiles);
      await checkRecovery(inPostgres);

      const place =
        / {2}checkpoints {2}table firefly_checkpoints, pipeline software-factory, run (.+)$/m;
      const rows = await database.query(
        `SELECT node_id, sequence FROM firefly_checkpoints WHERE run_id = '${
          matchOf(inPostgres, place)
        }' ORDER BY sequence`,
      );
      const lines = [...inPostgres.matchAll(/^ {2}\w+ +.* {3}(row \d+ \(\w+\))$/gm)];
      assertEquals(
        lines.map(([, label]) => label),
        rows.map(({ sequence, node_id }) => `row ${sequence} (${node_id})`),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("the factory says when it cannot use the Postgres of PG_DSN, and uses files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await run("software_factory", folder, {
      PG_DSN: server.dsn("no_such_database"),
    });
    assertEquals(code, 1, stderr);
    await checkSoftwareFactory(stdout);
    // Without the driver it says so instead.
    assertMatch(stderr, /^Cannot save .*(no_such_database|deno add jsr:@db\/postgres).*\n$/m);
    assert(!stderr.includes("Uncaught"), stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "postgres goes on over a client with what it began by URL, through @db/postgres",
  ignore: reason !== undefined,
  async fn() {
    await using database = await server.createDatabase();
    const output = await runWell("postgres", ".", { PG_DSN: database.dsn });
    assertMatch(output, /^Run (\S+) is paused\n.*: receipt invoicing\/\1\/bill\/1\n$/);
  },
});

Deno.test({
  name: "the factory fails in one process and goes on in another, on Redis through @db/redis",
  ignore: redisReason !== undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const output = await runWell("software_factory", folder, { REDIS_URL: redis.url(1) });
      const [inFiles = "", inRedis = ""] = storesOf(output);
      await checkSoftwareFactory(inFiles);
      await checkRecovery(inRedis);

      const prefix = matchOf(
        inRedis,
        /^ {2}checkpoints {2}keys (firefly:ckpt:software-factory:.+):\*$/m,
      );
      const keys = (await redis.cli("-n", "1", "keys", `${prefix}:0*`)).split("\n").toSorted();
      const lines = [...inRedis.matchAll(/^ {2}\w+ +.* {3}(\d{6}_\w+)$/gm)];
      const labels = lines.map(([, label]) => `${prefix}:${label}`);
      // Whole checkpoints have keys of their own; of the large ones most are changes in a list.
      assert(keys.length > 1 && labels.length > keys.length, keys.join(" "));
      assertEquals(labels.filter((label) => keys.includes(label)), keys);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("the factory says when it cannot use the Redis of REDIS_URL, and uses files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await run("software_factory", folder, {
      REDIS_URL: redis.url(99),
    });
    assertEquals(code, 1, stderr);
    await checkSoftwareFactory(stdout);
    // Without the driver it says so instead.
    assertMatch(stderr, /^Cannot save .*(DB index is out of range|deno add jsr:@db\/redis).*\n$/m);
    assert(!stderr.includes("Uncaught"), stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "redis goes on over a client with what it began by URL, through @db/redis",
  ignore: redisReason !== undefined,
  async fn() {
    const output = await runWell("redis", ".", { REDIS_URL: redis.url(2) });
    assertMatch(output, /^Run (\S+) is paused\n.*: published as moderation\/\1\/publish\/1\n$/);
  },
});

Deno.test("tracing shows its spans through Deno's own exporter, each below the one it belongs to", async () => {
  const { code, stdout, stderr } = await run("tracing", ".", {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "console",
    NO_COLOR: "1",
  });
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "completed: https://example.com/1.2.0\n");
  const spans = [...stderr.matchAll(/^SPAN (.+) \[\w+\/(\w+)\].*\n(?: {2}parent: (\w+)$)?/gm)]
    .map(([, name = "", id = "", parent]) => ({ name, id, parent }));
  const nameOf = (id?: string) => spans.find((span) => span.id === id)?.name;
  assertEquals(spans.map(({ name, parent }) => [name, nameOf(parent)]), [
    ["compile", "node build"],
    ["compile", "node build"],
    ["node build", "pipeline release"],
    ["node publish", "pipeline release"],
    ["pipeline release", undefined],
  ]);
  assertMatch(stderr, /^ +- retry .* exception\.message: out of memory/m);
  assertEquals(stderr.match(/firefly\.attempt: \d$/gm), [
    "firefly.attempt: 2",
    "firefly.attempt: 1",
  ]);
});

Deno.test("hello has at most 15 lines", async () => {
  const lines = (await readExample("hello")).trimEnd().split("\n");
  assert(lines.length <= 15, `It has ${lines.length}`);
});

Deno.test("the factory's requirements split into items with sections and acceptance", async () => {
  const items = splitRequirements(await Deno.readTextFile(new URL("requirements.md", EXAMPLES)));
  assertEquals(items.length, 8);
  assertEquals([...new Set(items.map(({ section }) => section))], [
    "Borrowing",
    "Keeping tools safe",
    "Running the library",
  ]);
  assertEquals(items[5], {
    id: "record_a_repair",
    title: "Record a repair",
    section: "Keeping tools safe",
    text: "A volunteer notes what was broken, what was done and what it cost.",
    acceptance:
      "the whole history of a tool can be read on one screen and printed for the insurer.",
  });
});

function checkEvents(output: string): void {
  assertEquals(output.split("\n"), [
    "0      checkpointSaved",
    ...["Once", "upon", "a", "time"].map((word) => `0      custom ${word}`),
    "       (disconnected)",
    ...[1, 2, 3].map((sequence) => `${sequence}      checkpointSaved`),
    "3.end  runEnded completed",
    "       (disconnected)",
    "       (told not to come back)",
    "",
  ]);
}

function checkRetries(output: string): void {
  assertMatch(output, /^completed: charge > ship > refund$/m);
  assertMatch(output, /^ {2}charged at attempt 3$/m);
  const refunded = "refunded receipt orders/order-17/charge/1: ship failed with NodeTimeoutError";
  assert(output.includes(refunded));
  assertMatch(output, /^ {2}3 charge {4}took 3 attempts$/m);
  assertMatch(output, /n1 -- "error" --x n2/);
}

function checkTracingWithoutExporter(output: string): void {
  assertMatch(output, /^completed: https:\/\/example\.com\/1\.2\.0$/m);
  assertMatch(output, /OTEL_DENO=true/);
}

function checkHello(output: string, folder: string): void {
  const runId = /^Hello, world! Run (\S+) is completed and kept in/.exec(output)?.[1] ?? "";
  const kept = [...Deno.readDirSync(join(folder, "checkpoints", "hello", runId))];
  assert(kept.some(({ name }) => name === "000002_cheer.json"));
}

function checkMapReduce(output: string): void {
  assertMatch(output, /^the +35805$/m);
  assertMatch(output, /^completed: 100000 words in 1000 chunks, 1002 tasks and \d+ checkpoints/m);
}

function checkPostgresWithoutServer(output: string): void {
  assertEquals(
    output,
    "Run it with PG_DSN=postgresql://user:password@host/database deno task example postgres\n",
  );
}

function checkRedisWithoutServer(output: string): void {
  assertEquals(
    output,
    "Run it with REDIS_URL=redis://user:password@host:6379/0 deno task example redis\n",
  );
}

function checkSupportAgent(output: string): void {
  assertEquals(
    output.split("\n").filter((line) => /^ {2}(paused|completed|outcome) /.test(line)),
    [
      "  paused     classify > draft > review > draft > review > draft > review > approval",
      "  completed  classify > draft > review > draft > review > draft > review > approval > send",
      "  outcome    sent to Ana",
      "  completed  classify > escalate",
      "  outcome    handed to a person (legal)",
      "  completed  classify > draft > review > draft > review > draft > review > escalate",
      "  outcome    handed to a person (question)",
    ],
  );
  assertMatch(output, /^ {2}asks {7}Send "Dear Ana,/m);
  assertMatch(output, /-\. "given up" \.->/);
}

async function checkSoftwareFactory(output: string): Promise<void> {
  await checkStoredLines(output);
  await checkRecovery(output);
}

/** What the factory printed for each store. */
function storesOf(output: string): readonly string[] {
  return output.split(/(?=^── process \d+ starts run )/m)
    .filter((part) => part.includes("starts run"));
}

/** What two processes did together, wherever the run is kept. */
async function checkRecovery(output: string): Promise<void> {
  const first = matchOf(output, /process (\d+) starts run/);
  const second = matchOf(output, /process (\d+) goes on with run/);
  assertNotEquals(first, second);
  assertMatch(
    output,
    / {2}deployer +FAILED .+\n +deployment target not reachable: 503 Service Unavailable/,
  );
  assertMatch(output, / {2}verdict +PASS: 8 requirements checked/);
  assertMatch(output, / {2}effects +8 files written once; nothing ran twice/);
  assertMatch(output, /^flowchart TD$/m);
  assertMatch(output, /^ +seq +node +status +done +next +saved at, UTC +writer$/m);
  assertMatch(output, /^ +\d+ {2}deployer +failed +9 {2}deployer /m);
  assertMatch(output, /^ +\d+ {2}__resume__ +running +9 {2}deployer /m);
  assertMatch(output, /^ +\d+ {2}evaluator +completed +11 /m);

  await checkEffects(matchOf(output, /^ {2}folder +(.+)$/m), Number(first), Number(second));
}

/** Every line about a task names a checkpoint: it must be there, and hold what the line tells. */
async function checkStoredLines(output: string): Promise<void> {
  const folder = matchOf(output, /^ {2}checkpoints +(.+)$/m);
  const lines = [...output.matchAll(/^ {2}(\w+) +(?:(\d)\/8 )?.* (\d{6}_\w+\.json)$/gm)];
  const seen: string[] = [];
  const store = new FileCheckpointer(dirname(dirname(folder)));
  const history = await Array.fromAsync(store.history(basename(dirname(folder)), basename(folder)));
  const records = new Map(history.map((record) => [record.sequence, record]));
  for (const [, node = "", visit, file = ""] of lines) {
    assert((await Deno.stat(join(folder, file))).isFile);
    const record = records.get(Number(file.slice(0, 6)));
    assert(record !== undefined, `${file} is no checkpoint of the run`);
    seen.push(visit === undefined ? node : `${node} ${visit}`);
    const isMerged = record.completedNodes.filter((done) => done === node).length;
    const task = record.tasks[Number(visit) - 1];
    if (node === "developer" && isMerged === 0) {
      assertEquals([task?.node, task?.status], [node, "finished"]);
    }
    if (["architect", "evaluator"].includes(node)) assertEquals(isMerged, 1);
  }
  assertEquals(seen.filter((line) => line.startsWith("developer")).sort(), [
    ...Array.from({ length: 8 }, (_, index) => `developer ${index + 1}`),
  ]);
  assertEquals(seen.filter((line) => !line.startsWith("developer")), [
    ...["start", "architect", "deployer"],
    ...["resume", "deployer", "evaluator"],
  ]);
}

/** The nodes' own journal, and the files that they wrote. */
async function checkEffects(folder: string, first: number, second: number): Promise<void> {
  const journal = await Deno.readTextFile(join(folder, "effects.jsonl"));
  const effects: readonly { readonly taskId: string; readonly pid: number }[] = journal.trim()
    .split("\n").map((line) => JSON.parse(line));
  assertEquals(new Set(effects.map(({ taskId }) => taskId)).size, 11);
  assertEquals(effects.map(({ pid }) => pid), [...Array(9).fill(first), second, second]);

  const written = [...Deno.readDirSync(join(folder, "src"))].map(({ name }) => name);
  const deployed = [...Deno.readDirSync(join(folder, "dist"))].map(({ name }) => name);
  assertEquals(deployed.sort(), [...written, "mod.ts"].sort());
  const modules = await import(toFileUrl(join(folder, "dist", "mod.ts")).href);
  assertEquals(Object.keys(modules).length, 8);
}

/** Runs an example as `deno task example` does, but in a folder of its own. */
async function run(name: string, folder: string, more: Readonly<Record<string, string>> = {}) {
  const { NO_COLOR: _no, FORCE_COLOR: _force, PG_DSN: _dsn, REDIS_URL: _url, ...env } = Deno.env
    .toObject();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...configArgs(), "-A", examplePath(name)],
    cwd: folder,
    clearEnv: true,
    env: { ...env, TMPDIR: folder, ...more },
  }).output();
  const [said = "", complained = ""] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  return { code, stdout: said, stderr: complained };
}

/** What an example prints that ends as it should. */
async function runWell(...args: Parameters<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  assertEquals(code, 0, stderr);
  return stdout;
}

function examplePath(name: string): string {
  return fromFileUrl(new URL(`${name}.ts`, EXAMPLES));
}

async function readExample(name: string): Promise<string> {
  return await Deno.readTextFile(examplePath(name));
}

function matchOf(output: string, pattern: RegExp): string {
  const found = pattern.exec(output)?.[1];
  assert(found !== undefined, `Nothing matches ${pattern} in\n${output}`);
  return found;
}
