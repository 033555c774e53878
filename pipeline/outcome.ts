/**
 * What came of a task: from what its node returned or threw to what can be folded and stored.
 *
 * @module
 */

import { encode } from "./codec.ts";
import { encodeFields, encodingFor } from "./encoded_state.ts";
import { label, quoted } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { isPause, isRejection, type Pause } from "./pause.ts";
import type { Plan } from "./plan.ts";
import type { ErrorRecord, PauseDetails } from "./task_record.ts";

/** What came of a task. */
export type Outcome =
  & {
    /** How many attempts it took, where it took more than one. */
    readonly attempts?: number;
  }
  & (
    | {
      readonly status: "finished";
      readonly update?: object;
      /** The update's encoded form, where it is stored by itself. */
      readonly storedUpdate?: JsonObject;
      /** Whether the node ended as rejected. */
      readonly rejected?: boolean;
    }
    | {
      readonly status: "paused";
      readonly reason: string;
      readonly pause: PauseDetails;
      /** Which entry into the node paused, if the pause re-enters it. */
      readonly entry?: number;
    }
    | { readonly status: "failed"; readonly error: unknown }
    /** It failed, and the run goes on at its node's `onError`. */
    | { readonly status: "handled"; readonly error: unknown; readonly record: ErrorRecord }
    /** The run was cancelled while the node ran; the task is still to be done. */
    | { readonly status: "aborted" }
  );

const FINISHED: Outcome = { status: "finished" };
const REJECTED: Outcome = { status: "finished", rejected: true };

/**
 * The outcome that a node's answer stands for.
 *
 * @param entry Which entry into the node it is: 1 for the first.
 * @param isStored Whether it is to be stored by itself.
 * @throws {TypeError} If the answer is none that a node may give.
 * @throws {StateSerializationError} If it is to be stored and has no stored form.
 */
export function toOutcome<State extends object>(
  { plan, runId }: { readonly plan: Plan<State>; readonly runId: string },
  { node, entry }: { readonly node: string; readonly entry: number },
  returned: unknown,
  isStored: boolean,
): Outcome {
  if (returned === undefined || returned === null) return FINISHED;
  if (isRejection(returned)) return REJECTED;
  const owner = () => `node "${node}" of ${label({ pipelineName: plan.name, runId })}`;
  if (isPause(returned)) {
    const pause = encodingFor(owner, () => pauseDetails(returned));
    const { reason, reenter } = returned;
    return { status: "paused", reason, pause, entry: reenter ? entry : undefined };
  }
  if (!isUpdate(returned)) {
    throw new TypeError(
      `Cannot use what node "${node}" of pipeline "${plan.name}" returned: it must be an object ` +
        "with the fields to update, pause(...), or nothing",
    );
  }
  checkFields(plan, returned, `what node "${node}" of pipeline "${plan.name}" returned`);
  if (!isStored) return { status: "finished", update: returned };
  return {
    status: "finished",
    update: returned,
    storedUpdate: encodeFields(returned, "state", owner),
  };
}

/** The last moment that a `Date` can hold: some 270,000 years from now. */
const END_OF_TIME = 8.64e15;

function pauseDetails({ payload, expiresInMs, expiresAt }: Pause): PauseDetails {
  const now = Date.now();
  const end = expiresInMs && new Date(Math.min(now + expiresInMs, END_OF_TIME)).toISOString();
  return {
    at: new Date(now).toISOString(),
    ...(end && { expiresAt: end }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(payload !== undefined && { payload: encode(payload, "pause.payload") }),
  };
}

function isUpdate(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Refuses fields that the state does not have, where the schema tells what it has.
 *
 * @throws {TypeError} Naming the first unknown field and the known ones.
 */
export function checkFields<State extends object>(
  plan: Plan<State>,
  update: object,
  what: string,
): void {
  const { fields } = plan;
  if (fields === undefined) return;
  for (const field of Object.keys(update)) {
    if (fields.has(field)) continue;
    throw new TypeError(
      `Cannot use ${what}: the state has no field "${field}"; its fields are ${quoted(fields)}`,
    );
  }
}
