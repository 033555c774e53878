/**
 * Bringing what an older definition stored of a run up to date.
 *
 * @module
 */

import { type CheckpointRecord, RECORD_VERSION } from "./checkpoint_record.ts";
import { copyData } from "./copy.ts";
import { encodeFields } from "./encoded_state.ts";
import { label, quoted } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { Plan } from "./plan.ts";
import { decodeState } from "./restore.ts";
import { issueList } from "./schema.ts";
import type { TaskRecord } from "./task_record.ts";
import { MigrationError, PipelineVersionError } from "./version_errors.ts";

/**
 * A stored record as the pipeline's own version would have stored it: its state migrated step by step,
 * its nodes under the names that they have now. The very same record if there is nothing to do.
 *
 * @throws {PipelineVersionError} If a newer version stored it.
 * @throws {MigrationError} If a migration is missing or throws, if the schema refuses what came of
 * them, or if the step under way holds what the state has no field for.
 */
export async function upToDate<State extends object>(
  plan: Plan<State>,
  record: CheckpointRecord,
): Promise<CheckpointRecord> {
  const { pipelineVersion = 1 } = record;
  const { version, renamed } = plan.versions;
  if (pipelineVersion > version) throw new PipelineVersionError(record, pipelineVersion, version);
  const named = renamed.size === 0 ? record : underNewNames(record, renamed);
  if (pipelineVersion === version) return named;
  refuseUnknownFields(plan, named, pipelineVersion);
  const state = await migratedState(plan, record, pipelineVersion);
  return { ...named, version: RECORD_VERSION, pipelineVersion: version, state };
}

function underNewNames(
  record: CheckpointRecord,
  renamed: ReadonlyMap<string, string>,
): CheckpointRecord {
  const { completedNodes, tasks, pendingEdges } = record;
  const isOld = (node: string) => renamed.has(node);
  const isOlds = ({ node }: { readonly node: string }) => renamed.has(node);
  if (!completedNodes.some(isOld) && !tasks.some(isOlds) && !pendingEdges.some(isOlds)) {
    return record;
  }
  return {
    ...record,
    completedNodes: completedNodes.map((node) => renamed.get(node) ?? node),
    tasks: tasks.map((task): TaskRecord => {
      const { node, begunAs = node } = task;
      const name = renamed.get(node);
      return name === undefined ? task : { ...task, node: name, begunAs };
    }),
    pendingEdges: pendingEdges.map((edge) => {
      const name = renamed.get(edge.node);
      return name === undefined ? edge : { ...edge, node: name };
    }),
  };
}

async function migratedState<State extends object>(
  plan: Plan<State>,
  record: CheckpointRecord,
  storedVersion: number,
): Promise<JsonObject> {
  const { version, migrations } = plan.versions;
  let state = decodeState(record);
  for (let from = storedVersion; from < version; from++) {
    const versions = { from, to: from + 1 };
    const migrate = migrations.get(from);
    if (migrate === undefined) {
      throw new MigrationError(
        record,
        versions,
        "the pipeline has no such migration; add it, or let a version finish the run that has it",
      );
    }
    state = await migrating(record, versions, async () => asState(await migrate(state)));
  }
  return await migrating(record, { from: storedVersion, to: version }, async () => {
    const result = await plan.schema["~standard"].validate(state);
    if (result.issues !== undefined) {
      throw new TypeError(`The schema refuses the state:${issueList(result.issues, "the state")}`);
    }
    return encodeFields(copyData({ ...result.value }), "state", () => label(record));
  });
}

/** Does a part of a migration; whatever it throws is the cause of the error. */
async function migrating<Result>(
  record: CheckpointRecord,
  versions: { readonly from: number; readonly to: number },
  part: () => Promise<Result>,
): Promise<Result> {
  try {
    return await part();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const advice = "mend the migration and go on with the run then";
    throw new MigrationError(record, versions, `${why}; ${advice}`, { cause });
  }
}

function asState(migrated: unknown): object {
  if (typeof migrated === "object" && migrated !== null && !Array.isArray(migrated)) {
    return migrated;
  }
  throw new TypeError(
    "The migration returned no object with the fields of the next version's state",
  );
}

/** Payloads and updates of the step under way are no states, so that nobody can migrate them. */
function refuseUnknownFields<State extends object>(
  { fields, versions: { version } }: Plan<State>,
  record: CheckpointRecord,
  storedVersion: number,
): void {
  if (fields === undefined) return;
  for (const task of record.tasks) {
    const update = task.status === "finished" ? task.update : {};
    for (const field of Object.keys({ ...task.payload, ...update })) {
      if (fields.has(field)) continue;
      throw new MigrationError(
        record,
        { from: storedVersion, to: version },
        `its step under way holds a field "${field}" of node "${task.node}", which the state does ` +
          `not have (its fields are ${quoted(fields)}); keep the field, let the older version ` +
          "finish the step, or fork the run from an earlier checkpoint",
      );
    }
  }
}
