/**
 * The rows of the table, which are the panels of the chart: one figure each.
 *
 * @module
 */

import type { FigureName } from "./figures.ts";
import { ITEM_BYTES } from "./peer.ts";
import type { Sizes } from "./sizes.ts";

/** One of them. */
export interface Row {
  readonly figure: FigureName;
  /** What was done. */
  readonly workload: string;
  /** What is counted. */
  readonly unit: string;
  /** Which figures are the good ones. */
  readonly better: "lower" | "higher";
  /** A figure as text. */
  show(figure: number): string;
}

/** All of them, for workloads of these sizes. */
export function rowsFor(sizes: Sizes): readonly Row[] {
  const cycle = `Cycle of ${count(sizes.appendingSteps)} steps appending ${ITEM_BYTES} B`;
  const carrying = `${count(sizes.carryingSteps)} steps over a constant ${
    showBytes(sizes.carriedBytes)
  }`;
  const atOnce = (runs: number) =>
    `${count(runs)} runs of ${count(sizes.shortSteps)} steps at once`;
  return [
    time("engineUs", "Engine alone, without a store", "µs a step"),
    time("appendingMs", cycle, "ms a step"),
    bytes("appendingBytes", cycle),
    time("carryingMs", carrying, "ms a step"),
    bytes("carryingBytes", carrying),
    time("fanOutMs", `Fan-out of ${count(sizes.workers)}`, "ms a worker"),
    rate("fewRunsPerSecond", atOnce(sizes.fewRuns)),
    rate("manyRunsPerSecond", atOnce(sizes.manyRuns)),
    time(
      "resumeMs",
      `Resume after ${count(sizes.appendingSteps)} steps`,
      `ms, among ${count(sizes.otherRuns)} other runs`,
    ),
  ];
}

function time(figure: FigureName, workload: string, unit: string): Row {
  return { figure, workload, unit, better: "lower", show: significant };
}

function bytes(figure: FigureName, workload: string): Row {
  return { figure, workload, unit: "stored a step", better: "lower", show: showBytes };
}

function rate(figure: FigureName, workload: string): Row {
  return { figure, workload, unit: "steps a second", better: "higher", show: significant };
}

/** `1,000` */
export function count(number: number): string {
  return Math.round(number).toLocaleString("en");
}

/** Two digits that count, or three: what the measurement is good for. */
function significant(number: number): string {
  return number.toLocaleString("en", {
    maximumSignificantDigits: number < 10 ? 2 : 3,
  });
}

/** `336 B`, `30.3 KB`, `2.2 MB` */
export function showBytes(number: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let rest = number;
  while (rest >= 1_000 && units.length > 1) {
    rest /= 1_000;
    units.shift();
  }
  return `${significant(rest)} ${units[0]}`;
}
