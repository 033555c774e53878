/**
 * Which tasks come next: a pure function of the finished nodes and the state.
 *
 * @module
 */

import type { PendingEdge } from "./checkpoint_record.ts";
import { decode } from "./codec.ts";
import { type EdgeContext, END, isSend, type Send } from "./definition.ts";
import { quoted } from "./errors.ts";
import type { Json, JsonObject } from "./json.ts";
import type { FailureRecord } from "./task_record.ts";

/** A task that an edge asks for. */
export interface Target {
  /** The node to run. */
  readonly node: string;
  /** The payload of a `send`. */
  readonly payload?: object;
  /** The payload's encoded form, where tasks are stored. */
  readonly storedPayload?: JsonObject;
  /** The encoded answer that came with the approval which led to it. */
  readonly answer?: Json;
  /** What failed, where the node is the `onError` of it. */
  readonly failures?: readonly FailureRecord[];
}

/** Looks at the target of a `send`, and makes it ready to be stored; throws if it cannot be. */
export type AcceptSend = (target: Target, payload: object) => Target;

/** An edge as the engine sees it: from a state to the targets that follow. */
export type Router<State> = (
  state: State,
  context: EdgeContext,
) => readonly Target[] | Promise<readonly Target[]>;

/** The edge of a node could not be used: it threw, or answered with what is no target. */
export class RouteError extends Error {
  /** The node whose edge it is. */
  readonly node: string;

  /** Takes the node, and what its edge threw as the cause. */
  constructor(node: string, options: ErrorOptions) {
    super(`Cannot follow the edge of node "${node}"`, options);
    this.node = node;
  }
}

/** A node that finished, and how its edge is to be asked. */
export type FinishedNode = Pick<PendingEdge, "node" | "answer" | "rejected">;

/** How edges are asked. */
export interface Routing<State> {
  /** The routers by node. */
  readonly routers: ReadonlyMap<string, Router<State>>;
  /** What follows where a pause is rejected, by node. */
  readonly rejections: ReadonlyMap<string, readonly Target[]>;
}

const NO_CONTEXT: EdgeContext = {};

/**
 * Asks the edge of each node once, in order, and joins the answers: a name that is given twice
 * runs once, every send runs. Visits of one node that were answered in different ways each have
 * their answer: the edge is asked once for each.
 *
 * @throws {RouteError} If an edge throws or answers with what it must not.
 */
export function nextTargets<State>(
  finished: readonly FinishedNode[],
  { routers, rejections }: Routing<State>,
  state: State,
  acceptSend: AcceptSend,
): readonly Target[] | Promise<readonly Target[]> {
  const ask = ({ node, answer: given, rejected }: FinishedNode) => {
    if (rejected) return rejections.get(node) ?? [];
    try {
      const context = given === undefined ? NO_CONTEXT : { answer: decode(given, "answer") };
      const asked = routers.get(node)?.(state, context) ?? [];
      const answer = given === undefined ? asked : withAnswer(asked, given);
      return answer instanceof Promise
        ? answer.then((targets) => accept(targets, acceptSend)).catch((cause) =>
          refuse(node, cause)
        )
        : accept(answer, acceptSend);
    } catch (cause) {
      return refuse(node, cause);
    }
  };
  const [first] = finished;
  if (finished.length === 1 && first !== undefined) return ask(first);
  return askAll(distinct(finished), ask);
}

/** The ways in which edges are to be asked, in the order in which they come first. */
function distinct(finished: readonly FinishedNode[]): readonly FinishedNode[] {
  const ways = new Map<string, FinishedNode[]>();
  for (const one of finished) {
    const known = ways.get(one.node);
    if (known === undefined) ways.set(one.node, [one]);
    else if (!known.some((other) => isAlike(one, other))) known.push(one);
  }
  return [...ways.values()].flat();
}

function isAlike(one: FinishedNode, other: FinishedNode): boolean {
  if (one.rejected !== other.rejected) return false;
  return one.answer === other.answer || JSON.stringify(one.answer) === JSON.stringify(other.answer);
}

/** Hands an answer on to what follows the node that asked for it. */
function withAnswer(
  targets: readonly Target[] | Promise<readonly Target[]>,
  answer: Json,
): readonly Target[] | Promise<readonly Target[]> {
  return targets instanceof Promise
    ? targets.then((settled) => settled.map((target) => ({ ...target, answer })))
    : targets.map((target) => ({ ...target, answer }));
}

async function askAll(
  nodes: Iterable<FinishedNode>,
  ask: (node: FinishedNode) => readonly Target[] | Promise<readonly Target[]>,
): Promise<readonly Target[]> {
  const answers: (readonly Target[])[] = [];
  for (const node of nodes) answers.push(await ask(node));
  return joined(answers.flat());
}

function accept(targets: readonly Target[], acceptSend: AcceptSend): readonly Target[] {
  if (!targets.some(({ payload }) => payload !== undefined)) return targets;
  return targets.map((target) =>
    target.payload === undefined ? target : acceptSend(target, target.payload)
  );
}

function refuse(node: string, cause: unknown): never {
  throw new RouteError(node, { cause });
}

function joined(targets: readonly Target[]): readonly Target[] {
  const named = new Set<string>();
  return targets.filter(({ node, payload }) => {
    if (payload !== undefined) return true;
    return !named.has(node) && named.add(node);
  });
}

/**
 * Makes the router of one edge. Fixed names are checked here, answers when they are given.
 *
 * @throws {TypeError} If the edge names what is no node.
 */
export function makeRouter<State>(
  node: string,
  edge: unknown,
  nodes: ReadonlySet<string>,
  pipelineName: string,
): Router<State> {
  const where = `the edge of node "${node}" of pipeline "${pipelineName}"`;
  const resolve = (answer: unknown) => toTarget(answer, nodes, where);
  if (isRoute<State>(edge)) return askedRouter(edge, resolve);
  if (isRouted<State>(edge)) return askedRouter(edge.route, labelResolver(edge.to, nodes, where));
  if (typeof edge === "object" && edge !== null && ("route" in edge || "to" in edge)) {
    throw new TypeError(
      `Cannot follow ${where}: a routed edge needs a function "route" and its targets "to"`,
    );
  }
  const fixed = targetsOf(edge, resolve);
  return () => fixed;
}

/**
 * What follows where a pause of the node is rejected; `undefined` if its edge does not say.
 *
 * @throws {TypeError} If that is no node.
 */
export function rejectionOf(
  node: string,
  edge: unknown,
  nodes: ReadonlySet<string>,
  pipelineName: string,
): readonly Target[] | undefined {
  if (!isRouted(edge) || edge.rejected === undefined) return undefined;
  const where = `the edge of node "${node}" of pipeline "${pipelineName}"`;
  return targetsOf(edge.rejected, (answer) => toTarget(answer, nodes, where));
}

/** The function and declared targets of a routed edge, seen without their types. */
interface AnyRoutedEdge<State> {
  readonly route: Route<State>;
  readonly to: readonly unknown[] | { readonly [label: string]: unknown };
  readonly rejected?: unknown;
}

type Route<State> = (state: State, context: EdgeContext) => unknown;

function isRoute<State>(edge: unknown): edge is Route<State> {
  return typeof edge === "function";
}

/** Whether an edge is a function with declared targets. */
export function isRouted<State>(edge: unknown): edge is AnyRoutedEdge<State> {
  return typeof edge === "object" && edge !== null && "route" in edge && "to" in edge &&
    typeof edge.route === "function" && typeof edge.to === "object" && edge.to !== null;
}

/** The declared targets of a routed edge, each with its label where it has one. */
export function declaredTargets(
  to: AnyRoutedEdge<never>["to"],
): readonly (readonly [label: string | undefined, target: unknown])[] {
  return Array.isArray(to) ? to.map((target) => [undefined, target]) : Object.entries(to);
}

function askedRouter<State>(
  route: Route<State>,
  resolve: (answer: unknown) => Target | undefined,
): Router<State> {
  return (state, context) => {
    const answer = route(state, context);
    return answer instanceof Promise
      ? answer.then((settled: unknown) => targetsOf(settled, resolve))
      : targetsOf(answer, resolve);
  };
}

function targetsOf(
  answer: unknown,
  resolve: (answer: unknown) => Target | undefined,
): readonly Target[] {
  if (!Array.isArray(answer)) {
    const target = resolve(answer);
    return target === undefined ? [] : [target];
  }
  const targets: Target[] = [];
  for (const item of answer) {
    const target = resolve(item);
    if (target !== undefined) targets.push(target);
  }
  return joined(targets);
}

function toTarget(answer: unknown, nodes: ReadonlySet<string>, where: string): Target | undefined {
  if (answer === END) return undefined;
  if (typeof answer === "string" && nodes.has(answer)) return { node: answer };
  if (isSend(answer) && nodes.has(answer.node)) return sendTarget(answer, where);
  throw new TypeError(
    `Cannot follow ${where}: it leads to ${describe(answer)}, which is no node; the nodes are ` +
      quoted(nodes),
  );
}

function sendTarget({ node, payload }: Send, where: string): Target {
  if (typeof payload === "object" && payload !== null && !Array.isArray(payload)) {
    return { node, payload };
  }
  throw new TypeError(`Cannot follow ${where}: the payload of its send to "${node}" is no object`);
}

/** Resolves answers against declared targets: a listed name, a label, or a send to either. */
function labelResolver(
  to: AnyRoutedEdge<never>["to"],
  nodes: ReadonlySet<string>,
  where: string,
): (answer: unknown) => Target | undefined {
  const byLabel = new Map<unknown, Target | undefined>(
    declaredTargets(to).map(([label, target]) => [label ?? target, toTarget(target, nodes, where)]),
  );
  const declared = new Set([...byLabel.values()].map((target) => target?.node));
  return (answer) => {
    // The labels of an object are strings, also where they look like numbers.
    const label = typeof answer === "number" ? String(answer) : answer;
    if (byLabel.has(label)) return byLabel.get(label);
    if (isSend(answer) && declared.has(answer.node)) return sendTarget(answer, where);
    const labels = [...byLabel.keys()].map(describe).join(", ");
    throw new TypeError(
      `Cannot follow ${where}: it answered ${describe(answer)}, which is not among its targets ` +
        labels,
    );
  };
}

function describe(answer: unknown): string {
  if (answer === END) return "END";
  if (typeof answer === "string") return `"${answer}"`;
  if (isSend(answer)) return `a send to "${answer.node}"`;
  return answer === null ? "null" : `a value of type ${typeof answer}`;
}
