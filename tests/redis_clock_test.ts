import { assertEquals } from "@std/assert";
import { DEADLINE, NOW } from "../backends/redis_lua_helpers.ts";
import { startRedis } from "./servers/redis.ts";

const server = await startRedis();

/** Times as TIME tells them: seconds since 1970, and the microseconds since then. */
const CLOCKS = [
  ["1793000000", "0"],
  ["1793000000", "7"],
  ["1793000000", "999"],
  ["1793000000", "1000"],
  ["1793000000", "42000"],
  ["1793000000", "99999"],
  ["1793000000", "999999"],
  ["4102444800", "500500"],
] as const;

function evaluate(script: string, ...args: readonly string[]): Promise<string> {
  return server.cli(
    "eval",
    `local clock, ttl = {ARGV[1], ARGV[2]}, ARGV[3] ${script}`,
    "0",
    ...args,
  );
}

Deno.test("a time to live ends to the millisecond, whatever the time is", async () => {
  for (const [seconds, micros] of CLOCKS) {
    const now = Number(seconds) * 1_000 + Math.ceil(Number(micros) / 1_000);
    for (const ttl of [1, 999, 90_500, 30 * 86_400_000, 100 * 365 * 86_400_000]) {
      const found = await evaluate(`${DEADLINE} return deadline`, seconds, micros, String(ttl));
      assertEquals(found, String(now + ttl), `${ttl} ms from ${seconds} s and ${micros} us on`);
    }
    assertEquals(await evaluate(`${DEADLINE} return deadline`, seconds, micros, ""), "");
  }
});

Deno.test("the time as a score has all of its microseconds", async () => {
  for (const [seconds, micros] of CLOCKS) {
    const found = await evaluate(`return ${NOW}`, seconds, micros, "");
    assertEquals(found, `${seconds}.${micros.padStart(6, "0")}`);
  }
});
