/**
 * What a definition says of the definitions that were before it.
 *
 * @module
 */

import type { MaybePromise } from "./definition.ts";
import { quoted } from "./errors.ts";

/**
 * From one version's state to the next one's. It gets the state as plain data of its own, and may
 * change it; annotate the parameter with what the older version's state was.
 *
 * Written as a method for its types: what the older state was is the author's word.
 */
export type Migration = {
  /** Answers with the next version's state. */
  migrate(state: object): MaybePromise<object>;
}["migrate"];

/** Migrations by the version from which they lead to the next one. */
export interface Migrations {
  /** The migration to the next version. */
  readonly [fromVersion: number]: Migration;
}

/** Versions, made ready for runs that older ones stored. */
export interface Versions {
  /** Version of the definition. */
  readonly version: number;
  /** The migrations by the version that they begin with; those of the oldest ones may be missing. */
  readonly migrations: ReadonlyMap<number, Migration>;
  /** The names that nodes have now, by those that they had. */
  readonly renamed: ReadonlyMap<string, string>;
}

/**
 * Checks the versions of a definition.
 *
 * @throws {RangeError} If the version is no positive integer.
 * @throws {TypeError} If a migration is missing between two that are there, or before the version;
 * if one leads from what is no older version; or if `renamed` names what is no node, or a node that
 * is still there.
 */
export function planVersions(
  { version = 1, migrate = {}, renamed = {} }: {
    readonly version?: number;
    readonly migrate?: Migrations;
    readonly renamed?: { readonly [old: string]: string };
  },
  nodes: ReadonlySet<string>,
  pipelineName: string,
): Versions {
  if (!(Number.isSafeInteger(version) && version >= 1)) {
    throw new RangeError(
      `Cannot use ${version} as version of pipeline "${pipelineName}": it must be a positive integer`,
    );
  }
  for (const [part, value] of Object.entries({ migrate, renamed })) {
    if (typeof value === "object" && value !== null) continue;
    throw new TypeError(`Cannot define pipeline "${pipelineName}": ${part} must be an object`);
  }
  const where = `pipeline "${pipelineName}"`;
  return {
    version,
    migrations: plannedMigrations(migrate, version, where),
    renamed: plannedNames(renamed, nodes, where),
  };
}

function plannedMigrations(
  migrate: Migrations,
  version: number,
  where: string,
): ReadonlyMap<number, Migration> {
  const planned = new Map<number, Migration>();
  for (const [from, migration] of Object.entries(migrate)) {
    if (!/^[1-9]\d*$/.test(from) || Number(from) >= version) {
      throw new TypeError(
        `Cannot define ${where}: migrate has "${from}", which is no version before ${version}, the ` +
          "version of the definition",
      );
    }
    if (typeof migration !== "function") {
      throw new TypeError(`Cannot define ${where}: the migration from ${from} is no function`);
    }
    planned.set(Number(from), migration);
  }
  for (let from = Math.min(...planned.keys(), version); from < version; from++) {
    if (planned.has(from)) continue;
    throw new TypeError(
      `Cannot define ${where}: it is version ${version}, and its migration from ${from} to ` +
        `${from + 1} is missing; give the state back as it is if nothing changed`,
    );
  }
  return planned;
}

function plannedNames(
  renamed: { readonly [old: string]: string },
  nodes: ReadonlySet<string>,
  where: string,
): ReadonlyMap<string, string> {
  const planned = new Map(Object.entries(renamed));
  for (const [old, name] of planned) {
    if (!nodes.has(name)) {
      throw new TypeError(
        `Cannot define ${where}: renamed leads from "${old}" to "${name}", which is no node; the ` +
          `nodes are ${quoted(nodes)}`,
      );
    }
    if (nodes.has(old)) {
      throw new TypeError(
        `Cannot define ${where}: renamed has "${old}", which is still a node; take it out of one ` +
          "of the two",
      );
    }
  }
  return planned;
}
