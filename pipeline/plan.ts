/**
 * A definition made ready to run: everything that can be checked before a run is checked here.
 *
 * @module
 */

import type { PipelineDefinition, Reducers } from "./definition.ts";
import { makeRouter, rejectionOf, type Router, type Target } from "./edges.ts";
import { quoted } from "./errors.ts";
import { type PlannedNode, planNode } from "./planned_node.ts";
import type { AnyReducer } from "./reducers.ts";
import type { StandardSchema } from "./schema.ts";
import { fieldsOf } from "./schema_fields.ts";
import { planVersions, type Versions } from "./versions.ts";

/** A checked definition. */
export interface Plan<State extends object> {
  /** Name of the pipeline. */
  readonly name: string;
  /** Its version, and how runs of older ones are brought up to date. */
  readonly versions: Versions;
  /** Schema of the state. */
  readonly schema: StandardSchema<unknown, State>;
  /** The fields that the schema knows; `undefined` if it does not tell. */
  readonly fields: ReadonlySet<string> | undefined;
  /** The nodes by name. */
  readonly nodes: ReadonlyMap<string, PlannedNode<State>>;
  /** Whether any of them is guarded. */
  readonly hasGuards: boolean;
  /** The node that runs first. */
  readonly start: string;
  /** The edges as they were given, by node. */
  readonly edges: ReadonlyMap<string, unknown>;
  /** The edges as they are asked, by node. */
  readonly routers: ReadonlyMap<string, Router<State>>;
  /** What follows where a pause is rejected, by node; for nodes whose edge says so. */
  readonly rejections: ReadonlyMap<string, readonly Target[]>;
  /** The reducers by field. */
  readonly reducers: ReadonlyMap<string, AnyReducer>;
}

/**
 * Checks a definition.
 *
 * @throws {TypeError} If a name is empty, a part is missing, a node is no function, `start` or an
 * edge names what is no node, or a migration is missing.
 * @throws {RangeError} If an option is out of its range.
 */
export function makePlan<
  Input,
  State extends object,
  R extends Reducers<State>,
  Reduced extends keyof State,
  Name extends string,
  To extends { readonly [Key in Name]: unknown },
>(definition: PipelineDefinition<Input, State, R, Reduced, Name, To>): Plan<State> {
  const { name, start } = definition;
  if (typeof name !== "string" || name === "") {
    throw new TypeError("Cannot define a pipeline without a name: name must be a non-empty string");
  }
  checkParts(definition, name);
  const names = new Set(namesOf(definition.nodes));
  const nodes = new Map<string, PlannedNode<State>>();
  for (const node of names) nodes.set(node, planNode(node, definition.nodes[node], names, name));
  const edges = new Map<string, unknown>(Object.entries(definition.edges));
  checkNames(start, names, edges, name);
  const fields = fieldsOf(definition.state);
  const routers = [...edges].map(([node, edge]) =>
    [node, makeRouter<State>(node, edge, names, name)] as const
  );
  const rejections = new Map<string, readonly Target[]>();
  for (const [node, edge] of edges) {
    const targets = rejectionOf(node, edge, names, name);
    if (targets !== undefined) rejections.set(node, targets);
  }
  return {
    name,
    versions: planVersions(definition, names, name),
    schema: definition.state,
    fields,
    nodes,
    hasGuards: [...nodes.values()].some(({ isGuarded }) => isGuarded),
    start,
    edges,
    routers: new Map(routers),
    rejections,
    reducers: plannedReducers(definition.reducers ?? {}, fields, name),
  };
}

function namesOf<Name extends string>(nodes: { readonly [Key in Name]: unknown }): Name[] {
  return Object.keys(nodes) as Name[];
}

/** What the compiler promises, looked at again for those who come without it. */
function checkParts(
  { state, nodes, edges }: {
    readonly state?: Partial<StandardSchema>;
    readonly nodes?: object;
    readonly edges?: object;
  },
  pipelineName: string,
): void {
  if (typeof state?.["~standard"]?.validate !== "function") {
    throw new TypeError(
      `Cannot define pipeline "${pipelineName}": state must be a schema that follows Standard Schema, such as one of ` +
        "zod, valibot or arktype, or unchecked<State>()",
    );
  }
  for (const [part, value] of Object.entries({ nodes, edges })) {
    if (typeof value === "object" && value !== null) continue;
    throw new TypeError(
      `Cannot define pipeline "${pipelineName}": ${part} must be an object with an entry a node`,
    );
  }
}

function checkNames(
  start: string,
  nodes: ReadonlySet<string>,
  edges: ReadonlyMap<string, unknown>,
  pipelineName: string,
): void {
  if (!nodes.has(start)) {
    throw new TypeError(
      `Cannot define pipeline "${pipelineName}": start is ${JSON.stringify(start)}, which is no ` +
        `node; the nodes are ${quoted(nodes)}`,
    );
  }
  for (const node of nodes) {
    if (edges.has(node)) continue;
    throw new TypeError(
      `Cannot define pipeline "${pipelineName}": node "${node}" has no edge; use END if nothing ` +
        "follows it",
    );
  }
  for (const node of edges.keys()) {
    if (nodes.has(node)) continue;
    throw new TypeError(
      `Cannot define pipeline "${pipelineName}": edges has "${node}", which is no node; the ` +
        `nodes are ${quoted(nodes)}`,
    );
  }
}

function plannedReducers(
  reducers: object,
  fields: ReadonlySet<string> | undefined,
  pipelineName: string,
): ReadonlyMap<string, AnyReducer> {
  const planned = new Map<string, AnyReducer>(Object.entries(reducers));
  for (const [field, reducer] of planned) {
    const where = `the reducer "${field}" of pipeline "${pipelineName}"`;
    if (typeof reducer !== "function") {
      throw new TypeError(`Cannot use ${where}: it must be a function`);
    }
    if (fields?.has(field) === false) {
      throw new TypeError(
        `Cannot use ${where}: the state has no such field; its fields are ${quoted(fields)}`,
      );
    }
  }
  return planned;
}
