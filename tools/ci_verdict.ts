// Adds up the logs of `deno test` that it is given, and refuses what must not pass unseen:
// deno run -A tools/ci_verdict.ts test.log snippets.log
import { basename } from "node:path";
import { STAND_INS_NOTICE } from "./stand_ins.ts";
import { countTests, describeCounts, ignoredNames } from "./test_counts.ts";

/** A test may be ignored for one of these reasons only. */
interface Excuse {
  readonly reason: string;
  excuses(testName: string, log: string): boolean;
}

const EXCUSES: readonly Excuse[] = [
  {
    reason: "it needs a driver from JSR, which does not answer",
    excuses: (testName, log) => testName.includes("@db/") && log.includes(STAND_INS_NOTICE),
  },
  {
    reason: "it needs Valkey, which is not installed",
    excuses: (testName, log) =>
      testName.startsWith("Valkey ") && log.includes("Valkey is not installed"),
  },
];

/** Says why ignored tests may be ignored, and returns what is wrong with the log. */
function judgeIgnored(file: string, log: string, ignored: number): string[] {
  const names = ignoredNames(log);
  const problems = names.length === ignored
    ? []
    : [`Cannot account for ${ignored} ignored tests in ${file}: it names ${names.length}`];
  const excused = Map.groupBy(
    names,
    (name) => EXCUSES.find((candidate) => candidate.excuses(name, log))?.reason,
  );
  for (const [reason, tests] of excused) {
    if (reason !== undefined) console.log(`Skipped ${tests.length} tests: ${reason}`);
  }
  for (const name of excused.get(undefined) ?? []) {
    problems.push(`The test "${name}" was ignored: let it run, or remove it`);
  }
  return problems;
}

const total = { passed: 0, failed: 0, ignored: 0 };
const problems: string[] = [];
for (const path of Deno.args) {
  const log = await Deno.readTextFile(path);
  const counts = countTests(log);
  if (!counts) {
    console.error(`Cannot count the tests: ${basename(path)} ends without the summary of a run`);
    Deno.exit(1);
  }
  if (counts.passed === 0) problems.push(`No test passed in ${basename(path)}`);
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.ignored += counts.ignored;
  problems.push(...judgeIgnored(basename(path), log, counts.ignored));
}

for (const problem of problems) console.error(problem);
console.log(describeCounts(total));
if (problems.length > 0 || total.failed > 0) Deno.exit(1);
