/**
 * Answers to pauses: what comes with an approval, and rejections.
 *
 * @module
 */

import type { Call, Caller } from "./caller.ts";
import { claim } from "./calls.ts";
import { makeRun } from "./make_run.ts";
import { working } from "./working.ts";
import type { CheckpointRecord, PendingEdge, ResumeRecord } from "./checkpoint_record.ts";
import type { Checkpointer } from "./checkpointer.ts";
import { encode } from "./codec.ts";
import { encodingFor } from "./encoded_state.ts";
import { label, type PendingPause, type RunName } from "./errors.ts";
import type { Json } from "./json.ts";
import { loadRun } from "./load.ts";
import { upToDate } from "./migration.ts";
import type { Plan } from "./plan.ts";
import { CANCEL_NODE_ID } from "./planned_node.ts";
import { reenter } from "./reentry.ts";
import { findPause, reenteredBy, refuseUnknownNodes, restoreState } from "./restore.ts";
import type { RunResult } from "./result.ts";
import { resultBase, saveRun } from "./run.ts";
import { parseAnswer, type StandardSchema } from "./schema.ts";

/** An approval, as far as its answer is concerned. */
export interface AnswerRequest {
  /** Whether the call approves a pause at all. */
  readonly approvePause?: boolean;
  /** Which one. */
  readonly pauseId?: string;
  /** What comes with it. */
  readonly answer?: unknown;
}

/**
 * The encoded answer of an approval, after the schema of the node that asked has seen it;
 * `undefined` if there is none.
 *
 * @throws {TypeError} If there is an answer and no approval.
 * @throws {AnswerValidationError} If the schema refuses it.
 * @throws {StateSerializationError} If it has no stored form.
 */
export async function acceptAnswer<State extends object>(
  plan: Plan<State>,
  record: CheckpointRecord,
  { approvePause, pauseId, answer }: AnswerRequest,
): Promise<Json | undefined> {
  const name = { pipelineName: record.pipelineName, runId: record.runId };
  if (!approvePause) {
    if (answer === undefined) return undefined;
    throw new TypeError(
      `Cannot answer a pause of ${label(name)}: the call does not approve it; pass ` +
        "approvePause: true with the answer",
    );
  }
  const pause = findPause(record, pauseId, "approve");
  const { node } = pause;
  const schema = answerSchema(plan, pause);
  const parsed = schema === undefined ? answer : await parseAnswer(schema, answer, node, plan.name);
  if (parsed === undefined) return undefined;
  return encodingFor(() => label(name), () => encode(parsed, "answer"));
}

/** The shape of the answer to a pause, if its node asks for one. */
export function answerSchema<State extends object>(
  plan: Plan<State>,
  pause: PendingPause,
): StandardSchema | undefined {
  const answer = plan.nodes.get(pause.node)?.answer;
  return answer === undefined || isSchema(answer) ? answer : answer(pause);
}

/** Schemas of some libraries are functions too. */
function isSchema(answer: object): answer is StandardSchema {
  return "~standard" in answer;
}

/** A rejection. */
export interface RejectRequest {
  /** Which pause; needed when several are pending. */
  readonly pauseId?: string;
  /** Who rejects. */
  readonly by?: string;
  /** Why. */
  readonly reason?: string;
}

/**
 * Rejects a pause: the run goes on at the `rejected` target of the edge of the node that asked, or
 * is cancelled where the edge has none.
 */
export async function rejectPause<State extends object>(
  caller: Caller<State>,
  checkpointer: Checkpointer,
  name: RunName,
  { pauseId, by, reason }: RejectRequest,
  call: Call<State>,
): Promise<RunResult<State>> {
  const { plan } = caller;
  const patience = { ...caller, signal: call.signal };
  const loaded = await loadRun(checkpointer, name, "reject a pause of", patience);
  const record = await upToDate(plan, loaded);
  const { id, node } = findPause(record, pauseId, "reject");
  refuseUnknownNodes(plan, record);
  const state = restoreState<State>(record);
  const base = { record, state, stored: loaded };
  const run = makeRun(caller, name, call, { state, checkpointer, base });
  const said = {
    at: new Date().toISOString(),
    ...(reason !== undefined && { reason }),
    ...(by !== undefined && { by }),
  };
  const reentered = reenteredBy(record.pendingEdges, id);
  const goesOn = reentered !== undefined || plan.rejections.has(node);
  if (reentered === undefined) {
    run.pendingEdges = withRejected(record.pendingEdges, id, goesOn);
  } else {
    run.pendingEdges = [];
    run.step = reenter(run.step, reentered, { ...said, rejected: true });
  }
  const resume: ResumeRecord = { ...said, approved: [], rejected: [id] };
  return await working(run, call, true, async () => {
    if (goesOn) return await claim(run, { resume });
    await saveRun(run, CANCEL_NODE_ID, "cancelled", { resume });
    return { ...resultBase(run), status: "cancelled" };
  });
}

function withRejected(
  pendingEdges: readonly PendingEdge[],
  id: string,
  goesOn: boolean,
): readonly PendingEdge[] {
  return pendingEdges.flatMap((edge): readonly PendingEdge[] => {
    if (edge.pause?.id !== id) return [edge];
    return goesOn ? [{ node: edge.node, visit: edge.visit, rejected: true }] : [];
  });
}
