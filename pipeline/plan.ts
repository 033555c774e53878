/**
 * A definition made ready to run: everything that can be checked before a run is checked here.
 *
 * @module
 */

import type {
  Node,
  NodeContext,
  NodeOptions,
  PipelineDefinition,
  Reducers,
  RetryOptions,
} from "./definition.ts";
import { makeRouter, type Router } from "./edges.ts";
import type { AnyReducer } from "./reducers.ts";
import type { StandardSchema } from "./schema.ts";
import { fieldsOf } from "./schema_fields.ts";

/** The node ids of checkpoints that record no node visit. */
export const START_NODE_ID = "__start__";
/** Recorded where a call went on with a run. */
export const RESUME_NODE_ID = "__resume__";
/** Recorded where a run was cancelled between two steps. */
export const CANCEL_NODE_ID = "__cancel__";

/** Timers count in 32 bits; who asks for more, some 25 days, asks for no limit. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

const RESERVED: ReadonlySet<string> = new Set([START_NODE_ID, RESUME_NODE_ID, CANCEL_NODE_ID]);

/** A node as the engine runs it. */
export interface PlannedNode<State> {
  /** Name of the node. */
  readonly name: string;
  /** The node's part of its tasks' ids. */
  readonly taskIdPart: string;
  /** Its work; what it returns is checked when it does. */
  readonly run: (state: State, context: NodeContext) => unknown;
  /** How often it is tried, if more than once. */
  readonly retry?: RetryOptions;
  /** Longest time of one attempt in milliseconds. */
  readonly timeoutMs?: number;
}

/** A checked definition. */
export interface Plan<State extends object> {
  /** Name of the pipeline. */
  readonly name: string;
  /** Schema of the state. */
  readonly schema: StandardSchema<unknown, State>;
  /** The fields that the schema knows; `undefined` if it does not tell. */
  readonly fields: ReadonlySet<string> | undefined;
  /** The nodes by name. */
  readonly nodes: ReadonlyMap<string, PlannedNode<State>>;
  /** The node that runs first. */
  readonly start: string;
  /** The edges as they were given, by node. */
  readonly edges: ReadonlyMap<string, unknown>;
  /** The edges as they are asked, by node. */
  readonly routers: ReadonlyMap<string, Router<State>>;
  /** The reducers by field. */
  readonly reducers: ReadonlyMap<string, AnyReducer>;
}

/**
 * Checks a definition.
 *
 * @throws {TypeError} If a name is empty, a node is no function, or `start` or an edge names what
 * is no node.
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
  const { name } = definition;
  if (typeof name !== "string" || name === "") {
    throw new TypeError("Cannot define a pipeline without a name: name must be a non-empty string");
  }
  const nodes = new Map(
    Object.entries<Node<State, object>>(definition.nodes).map(([node, work]) =>
      [node, plannedNode(node, work, name)] as const
    ),
  );
  const names = new Set(nodes.keys());
  if (!names.has(definition.start)) {
    throw new TypeError(
      `Cannot define pipeline "${name}": start is "${definition.start}", which is no node`,
    );
  }
  const edges = new Map<string, unknown>(Object.entries(definition.edges));
  checkEdgeKeys(names, edges, name);
  const fields = fieldsOf(definition.state);
  return {
    name,
    schema: definition.state,
    fields,
    nodes,
    start: definition.start,
    edges,
    routers: new Map(
      [...edges].map(([node, edge]) => [node, makeRouter<State>(node, edge, names, name)]),
    ),
    reducers: plannedReducers(definition.reducers ?? {}, fields, name),
  };
}

function plannedNode<State>(
  name: string,
  node: Node<State, object>,
  pipelineName: string,
): PlannedNode<State> {
  const where = `node "${name}" of pipeline "${pipelineName}"`;
  if (name === "") {
    throw new TypeError(`Cannot define pipeline "${pipelineName}": a node has an empty name`);
  }
  if (RESERVED.has(name)) {
    throw new TypeError(`Cannot define ${where}: the name is kept for the run's own checkpoints`);
  }
  const options: NodeOptions<State, object> = typeof node === "function" ? { run: node } : node;
  if (typeof options?.run !== "function") {
    throw new TypeError(
      `Cannot define ${where}: it must be a function, or an object with a function "run"`,
    );
  }
  const { run, retry, timeoutMs, ...unknown } = options;
  const [option] = Object.keys(unknown);
  if (option !== undefined) throw new TypeError(`Cannot define ${where}: no option "${option}"`);
  if (retry !== undefined) {
    checkRange(retry.attempts, 1, `retry.attempts of ${where}`);
    checkRange(retry.delayMs ?? 0, 0, `retry.delayMs of ${where}`);
  }
  if (timeoutMs !== undefined) checkRange(timeoutMs, 1, `timeoutMs of ${where}`);
  const isLimited = timeoutMs !== undefined && timeoutMs <= LONGEST_TIMER_MS;
  const limit = isLimited ? timeoutMs : undefined;
  return { name, taskIdPart: escapeName(name), run, retry, timeoutMs: limit };
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
      throw new TypeError(`Cannot use ${where}: it is no function`);
    }
    if (fields?.has(field) === false) {
      throw new TypeError(`Cannot use ${where}: the state has no such field`);
    }
  }
  return planned;
}

function checkEdgeKeys(
  nodes: ReadonlySet<string>,
  edges: ReadonlyMap<string, unknown>,
  pipelineName: string,
): void {
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
      `Cannot define pipeline "${pipelineName}": edges has "${node}", which is no node`,
    );
  }
}

/** Keeps the parts of a task id apart, whatever the names hold. */
export function escapeName(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F");
}

/** Refuses a number below its least value; `NaN` and other types are refused too. */
export function checkRange(value: number, least: number, what: string): void {
  if (typeof value === "number" && value >= least) return;
  throw new RangeError(`Cannot use ${value} as ${what}: it must be a number of at least ${least}`);
}
