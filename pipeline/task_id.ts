/**
 * Task ids: `pipeline/run/node/visit`, unique in a store and the same on every try of a task.
 *
 * @module
 */

import type { RunName } from "./errors.ts";

/** Begins the id of every task of a run. */
export function taskIdPrefix({ pipelineName, runId }: RunName): string {
  return `${escapeName(pipelineName)}/${escapeName(runId)}/`;
}

/** Keeps the parts of a task id apart, whatever the names hold. */
export function escapeName(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F");
}
