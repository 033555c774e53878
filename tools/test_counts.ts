import { stripVTControlCharacters } from "node:util";

/** What `deno test` says about a run; an ignored step counts like an ignored test. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

const SUMMARY =
  /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?: \(\d+ steps?\))?(?: \| (\d+) ignored(?: \((\d+) steps?\))?)?(?: \| [^|]+)* \([^()]+\)$/;
const IGNORED = /^\s*(.+) \.\.\. ignored \(/;

/** The counts in the summary line that ends the output of `deno test`, if there is one. */
export function countTests(output: string): TestCounts | undefined {
  const summary = linesOf(output).map((line) => SUMMARY.exec(line)).findLast((match) => match);
  if (!summary) return undefined;
  const [, passed, failed, tests = 0, steps = 0] = summary;
  return {
    passed: Number(passed),
    failed: Number(failed),
    ignored: Number(tests) + Number(steps),
  };
}

/** The names of the ignored tests and steps. */
export function ignoredNames(output: string): string[] {
  return linesOf(output).flatMap((line) => IGNORED.exec(line)?.[1] ?? []);
}

/** `3 passed, 0 failed`, and what was skipped if anything was. */
export function describeCounts({ passed, failed, ignored }: TestCounts): string {
  return `${passed} passed, ${failed} failed${ignored > 0 ? `, ${ignored} skipped` : ""}`;
}

function linesOf(output: string): string[] {
  return stripVTControlCharacters(output).split(/\r?\n/);
}
