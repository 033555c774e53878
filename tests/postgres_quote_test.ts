import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { isStorableText, quote } from "../backends/postgres_quote.ts";
import { DRIVERS } from "./postgres_probes.ts";
import { record } from "./probe_record.ts";
import { findPostgres } from "./servers/postgres.ts";
import { assertStored } from "./suite/checks.ts";
import { recordOfText } from "./suite/samples.ts";

const server = await findPostgres();

const STRINGS = 100_000;
const BATCH = 2_000;

const INJECTIONS: readonly string[] = [
  "'",
  "''; DROP TABLE firefly_checkpoints; --",
  "'); DELETE FROM firefly_checkpoints; --",
  "\\'; DROP TABLE firefly_checkpoints; --",
  "\\",
  "E'\\x27'",
  `"; DROP TABLE "firefly_checkpoints"; --`,
  "$$; DROP TABLE firefly_checkpoints; $$",
  "$",
  "$q",
  "$q$; DROP TABLE firefly_checkpoints; $q$",
  "$1",
  ":name",
  "?",
  "%s%n",
  "/* */ -- ",
  "U&'\\0027'",
  "0 OR 1=1",
  "' OR '1'='1",
  "' UNION SELECT version() --",
  "'||pg_sleep(0)||'",
  "\u02bc; DROP TABLE firefly_checkpoints; --", // an apostrophe only to some encodings
  "\ufeff'",
  "\r\n;\t",
];

/** What quoting may trip over, in any order and number. */
const fragments = fc.oneof(
  fc.constantFrom(...INJECTIONS, "$q", "$Q", "$_", "$q0", "$$", "\u{1f600}", "\u0001", "\u00a0"),
  // The tag's own form.
  fc.stringMatching(/^\$q[0-9a-z]{0,7}\$?$/),
  fc.string({ unit: "binary", maxLength: 6 }),
);

const hostile = fc.array(fragments, { maxLength: 6 }).map((parts) => parts.join(""))
  .filter(isStorableText);

Deno.test("100,000 hostile strings come back from the server as they went", async () => {
  await using database = await server.createDatabase();
  const strings = fc.sample(hostile, { numRuns: STRINGS, seed: 11 });
  assertEquals(strings.length, STRINGS);
  for (let at = 0; at < strings.length; at += BATCH) {
    const batch = strings.slice(at, at + BATCH);
    const values = batch.map((text, index) => `(${index},${quote(text)})`).join(",");
    // Settings that change how other literals are read.
    const conforming = (at / BATCH) % 2 === 0 ? "on" : "off";
    const rows = await database.query(
      `SET standard_conforming_strings = ${conforming}; SET backslash_quote = on;
       SELECT text FROM (VALUES ${values}) AS v (place, text) ORDER BY place`,
    );
    assertEquals(rows.map(({ text }) => text), batch);
  }
});

Deno.test("a literal is one value wherever it stands, and never ends early", async () => {
  await using database = await server.createDatabase();
  const strings = INJECTIONS.map((text) => [text, `${text}$`, `$${text}`, text.repeat(3)]).flat();
  for (const text of strings) {
    const rows = await database.query(
      `SELECT ${quote(text)}::text AS a, ${quote(text)} AS b, 3 AS c`,
    );
    assertEquals(rows, [{ a: text, b: text, c: 3 }]);
  }
});

Deno.test("another tag is taken where the value holds one, also half of one at its end", async () => {
  await using database = await server.createDatabase();
  const { getRandomValues } = crypto;
  try {
    for (const text of ["$q0$", "$q0", "$q0$q0", "$q0$; $q1$", "$q0$q1$q2", "$"]) {
      let random = 0;
      crypto.getRandomValues = (array) => {
        if (array instanceof Uint32Array) array[0] = random++;
        return array;
      };
      assertEquals(await database.query(`SELECT ${quote(text)} AS a`), [{ a: text }]);
    }
  } finally {
    crypto.getRandomValues = getRandomValues;
  }
});

for (const driver of DRIVERS) {
  const options = { ignore: driver.ignore !== undefined };

  Deno.test(`injections stay data through ${driver.name}, in every place`, options, async () => {
    await using database = await server.createDatabase();
    await using probe = await driver.open(database.dsn);
    const { checkpointer } = probe;
    const witness = record(0, { pipelineName: "witness" });
    await checkpointer.save(witness);
    for (const text of INJECTIONS) {
      const saved = {
        ...recordOfText(text),
        pipelineName: text,
        runId: text,
        writer: text,
        state: { text, [text]: [text] },
      };
      await checkpointer.save(saved);
      await assertStored(checkpointer, [saved]);
      const runs = await Array.fromAsync(checkpointer.listRuns(text));
      assertEquals(runs.map(({ runId, nodeId }) => [runId, nodeId]), [[text, text]]);
      await checkpointer.deleteRun(text, `${text} of another name`);
      await assertStored(checkpointer, [saved]);
      await checkpointer.deleteRun(text, text);
      assertEquals(await checkpointer.loadLatest(text, text), undefined);
    }
    await assertStored(checkpointer, [witness]);
  });

  Deno.test(`states of hostile strings come back through ${driver.name}`, options, async () => {
    await using database = await server.createDatabase();
    await using probe = await driver.open(database.dsn);
    const strings = fc.sample(hostile, { numRuns: 5_000, seed: 12 });
    const saved = record(0, {
      state: { strings, byName: Object.fromEntries(strings.map((text) => [text, text])) },
    });
    await probe.checkpointer.save(saved);
    await assertStored(probe.checkpointer, [saved]);
  });
}
