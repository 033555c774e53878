/**
 * A checkpointer whose process dies at one of its saves.
 *
 * @module
 */

import type {
  CheckpointChange,
  Checkpointer,
  CheckpointRecord,
  ListRunsOptions,
  RunSummary,
} from "../mod.ts";

/** At which save a process dies. */
export interface Death {
  /** 1 for the first save. */
  readonly at: number;
  /** Before it is stored, or after that, so that only the answer is lost. */
  readonly when: "before" | "after";
}

/** What everything throws once the process is dead. */
export class DeathError extends Error {
  override readonly name = "DeathError";
}

/** Passes everything on to a store until it dies; nothing gets through after that. */
export class FaultyCheckpointer implements Checkpointer {
  /** Saves that were asked for, the deadly one and those after it included. */
  saves = 0;
  /** Whether the process has died. */
  died = false;
  readonly #store: Checkpointer;
  readonly #death: Death | undefined;

  /** Takes the store, and the death; without one it only counts. */
  constructor(store: Checkpointer, death?: Death) {
    this.#store = store;
    this.#death = death;
  }

  /** Saves, or dies. */
  async save(record: CheckpointRecord, change?: CheckpointChange): Promise<void> {
    this.saves++;
    const store = this.#alive();
    if (this.saves !== this.#death?.at) return await store.save(record, change);
    this.died = true;
    if (this.#death.when === "after") await store.save(record, change);
    throw this.#deathError();
  }

  /** Passes on. */
  async loadLatest(pipelineName: string, runId: string): Promise<CheckpointRecord | undefined> {
    return await this.#alive().loadLatest(pipelineName, runId);
  }

  /** Passes on. */
  listRuns(pipelineName: string, options?: ListRunsOptions): AsyncIterable<RunSummary> {
    return this.#alive().listRuns(pipelineName, options);
  }

  /** Passes on. */
  history(pipelineName: string, runId: string): AsyncIterable<CheckpointRecord> {
    return this.#alive().history(pipelineName, runId);
  }

  /** Passes on. */
  async deleteRun(pipelineName: string, runId: string): Promise<void> {
    await this.#alive().deleteRun(pipelineName, runId);
  }

  #alive(): Checkpointer {
    if (this.died) throw this.#deathError();
    return this.#store;
  }

  #deathError(): DeathError {
    return new DeathError(`The process died ${this.#death?.when} its save ${this.#death?.at}`);
  }
}
