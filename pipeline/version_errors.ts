/**
 * What is thrown where a stored run is of another version of its pipeline.
 *
 * @module
 */

import { label, RunError, type RunName } from "./errors.ts";

/** Thrown when a newer version of the pipeline stored the run; nothing was changed. */
export class PipelineVersionError extends RunError {
  /** The name of the class. */
  override readonly name = "PipelineVersionError";
  /** Version that stored the run. */
  readonly storedVersion: number;
  /** Version of the definition that was to go on with it. */
  readonly version: number;

  /** Takes the run and the two versions. */
  constructor(run: RunName, storedVersion: number, version: number, options?: ErrorOptions) {
    super(
      run,
      `Cannot go on with ${label(run)}: version ${storedVersion} of the pipeline stored it, and ` +
        `this is version ${version}; leave it to workers of that version, or deploy it here`,
      options,
    );
    this.storedVersion = storedVersion;
    this.version = version;
  }
}

/** Thrown when what an older version stored of a run could not be migrated; nothing was changed. */
export class MigrationError extends RunError {
  /** The name of the class. */
  override readonly name = "MigrationError";
  /** The version at which the migration stopped. */
  readonly fromVersion: number;
  /** The version that it should have led to. */
  readonly toVersion: number;

  /** Takes the run, the versions, what is wrong and what to do. */
  constructor(
    run: RunName,
    versions: { readonly from: number; readonly to: number },
    why: string,
    options?: ErrorOptions,
  ) {
    const { from, to } = versions;
    super(run, `Cannot migrate ${label(run)} from version ${from} to ${to}: ${why}`, options);
    this.fromVersion = from;
    this.toVersion = to;
  }
}
