/**
 * The keys. Those of checkpoints and the sorted set of runs are the Firefly agentic framework's:
 *
 * | key | type | what it holds |
 * | --- | --- | --- |
 * | `<prefix>:<pipeline>:<run>:<sequence, 6 digits>_<node>` | string | a whole checkpoint as JSON |
 * | `<prefix>:<pipeline>:<run>:changes:<sequence>` | list | the checkpoints upon that one, as changes |
 * | `<prefix>:<pipeline>:runs` | sorted set | run ids by time of the last save, in seconds |
 * | `<prefix>:<pipeline>:expiring` | sorted set | run ids by the earliest time of expiry |
 * | `<prefix>:<pipeline>:<run>:index` | hash | what is known of a run, as told below |
 * | `<prefix>:<pipeline>:<run>:deleted` | string | for an hour at most, that the run was deleted |
 *
 * No encoded name holds a `:` and no checkpoint's last part is a word, so no two keys are the same.
 *
 * The fields of an index are `latest`, a text that tells of the latest checkpoint its sequence, that of
 * the whole one that its chain begins with, its status, its time to live (in milliseconds, `-` if it
 * does not expire), its writer and the last part of that whole one's key, and mostly the version, lease,
 * node and time of the latest one, so that who lists runs reads few records; `heard`, when its worker was
 * heard of beside its saves (in milliseconds since 1970, `0` for never); `summary`, of the whole one;
 * `changed`, the summary of the latest one where that is a large change; `oldest`, the sequence of the
 * oldest whole one that is there; and for each whole one the last part of its key by its sequence.
 * Where the sequences of whole ones have a gap, `>5` is what follows 5, and `<9` what comes before 9.
 * `+5` is there if 5 was changed.
 *
 * @module
 */

import { encodeName } from "./redis_names.ts";

/** The keys of a pipeline, and what keys of its runs begin with. */
export interface PipelineKeys {
  /** What all of them begin with, without the colon. */
  readonly base: string;
  /** Runs by time of the last save. */
  readonly runs: string;
  /** Runs that may expire, by the earliest time at which that can be. */
  readonly expiring: string;
}

/** The keys of a run. */
export interface RunKeys extends PipelineKeys {
  /** The run in its pipeline's sorted sets. */
  readonly member: string;
  /** What keys of its checkpoints begin with, without the colon. */
  readonly run: string;
  /** What is known of it. */
  readonly index: string;
}

/** A pipeline, and where it is kept. */
export interface PipelinePlace {
  /** Its name. */
  readonly pipelineName: string;
  /** Its keys. */
  readonly keys: PipelineKeys;
  /** The keys that it has in the Python framework, which encodes nothing. */
  readonly raw: PipelineKeys;
}

/** A run, and where it is kept. */
export interface RunPlace {
  /** Name of its pipeline. */
  readonly pipelineName: string;
  /** Its id. */
  readonly runId: string;
  /** Its keys. */
  readonly keys: RunKeys;
  /** The keys that it has in the Python framework, which encodes nothing. */
  readonly raw: RunKeys;
}

/** Where a pipeline is kept. */
export async function placeOfPipeline(
  prefix: string,
  pipelineName: string,
): Promise<PipelinePlace> {
  const keys = pipelineKeys(prefix, await encodeName(pipelineName));
  return { pipelineName, keys, raw: pipelineKeys(prefix, pipelineName) };
}

/** Tells where runs are kept: at once, but for the longest names. */
export type PlaceOfRun = (pipelineName: string, runId: string) => RunPlace | Promise<RunPlace>;

/** Knows where runs are kept; the one that was asked for last is asked for again by its next save. */
export function makePlaces(prefix: string): PlaceOfRun {
  let last: RunPlace | undefined;
  return (pipelineName, runId) => {
    if (last?.runId === runId && last.pipelineName === pipelineName) return last;
    const place = placeOfRun(prefix, pipelineName, runId);
    if (!(place instanceof Promise)) last = place;
    return place;
  };
}

function placeOfRun(
  prefix: string,
  pipelineName: string,
  runId: string,
): RunPlace | Promise<RunPlace> {
  const [pipeline, member] = [encodeName(pipelineName), encodeName(runId)];
  const raw = runKeys(prefix, pipelineName, runId);
  const isPlain = pipeline === pipelineName && member === runId;
  if (isPlain) return { pipelineName, runId, keys: raw, raw };
  if (typeof pipeline !== "string" || typeof member !== "string") {
    return Promise.all([pipeline, member])
      .then((names) => ({ pipelineName, runId, keys: runKeys(prefix, ...names), raw }));
  }
  return { pipelineName, runId, keys: runKeys(prefix, pipeline, member), raw };
}

function pipelineKeys(prefix: string, pipeline: string): PipelineKeys {
  const base = `${prefix}:${pipeline}`;
  return { base, runs: `${base}:runs`, expiring: `${base}:expiring` };
}

function runKeys(prefix: string, pipeline: string, member: string): RunKeys {
  const keys = pipelineKeys(prefix, pipeline);
  const run = `${keys.base}:${member}`;
  return { ...keys, member, run, index: `${run}:index` };
}
