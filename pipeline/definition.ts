/**
 * What a pipeline is made of: nodes over one state, edges between them, reducers that fold what
 * the nodes return.
 *
 * @module
 */

import type { PendingPause } from "./errors.ts";
import type { Pause, PauseAnswer, Rejection } from "./pause.ts";
import type { StandardSchema } from "./schema.ts";
import type { FailureRecord } from "./task_record.ts";
import type { Migrations } from "./versions.ts";

/** Where an edge leads when nothing follows. */
export const END: unique symbol = Symbol.for("@firefly/pipeline END");

/** The type of {@linkcode END}. */
export type End = typeof END;

/** The property that tells what `pause`, `rejected` and `send` make from other objects. */
export const KIND: unique symbol = Symbol.for("@firefly/pipeline kind");

/** One run of one node with a payload of its own. Made by {@linkcode send}. */
export interface Send<Name extends string = string, Payload = object> {
  /** Marks the value. */
  readonly [KIND]: "send";
  /** The node to run. */
  readonly node: Name;
  /** Folded into that task's own view of the state. */
  readonly payload: Payload;
}

/**
 * Runs a node with a payload of its own: an edge that answers with many sends fans out.
 *
 * @param node The node to run.
 * @param payload Fields that are folded into the state that this one task sees; nobody else
 * sees them.
 */
export function send<const Name extends string, Payload extends object>(
  node: Name,
  payload: Payload,
): Send<Name, Payload> {
  return { [KIND]: "send", node, payload };
}

/** Whether a value was made by {@linkcode send}. */
export function isSend(value: unknown): value is Send {
  return typeof value === "object" && value !== null && KIND in value && value[KIND] === "send";
}

/**
 * Folds what a node returned for one field into the field's value. It must not change `current`,
 * which is `undefined` while nothing has set the field.
 */
export type Reducer<Value, Update> = (current: Value, update: Update) => Value;

/** The reducers of a state's fields; a field without one is replaced. */
export type Reducers<State> = { readonly [Field in keyof State]?: Reducer<State[Field], never> };

/**
 * What a node may return: any of the state's fields, those of `Reduced` in the form that their
 * reducer takes.
 */
export type Update<State, R, Reduced extends PropertyKey = keyof R> = {
  readonly [Field in keyof State]?:
    | (Field extends Reduced & keyof R ? ReducerInput<State[Field], R[Field]> : State[Field])
    | LiteralHint<State & R>;
};

/**
 * What a reducer takes. While the compiler has not yet inferred the reducers it sees their
 * constraint, in which every one is optional: it must then not judge an update, or a node without
 * parameters, which it looks at first, would be refused.
 */
export type ReducerInput<Value, R> = undefined extends R ? unknown
  : R extends (current: never, update: infer U) => unknown ? U
  : Value;

/**
 * Nothing, once the state is known. Until then it makes the compiler keep literal and tuple types,
 * so that a node without parameters, which it looks at first, may return `{ status: "done" }` for a
 * field of type `"open" | "done"`.
 */
export type LiteralHint<State> = keyof State extends never ?
    | string
    | number
    | boolean
    | bigint
    | symbol
    | readonly []
    | readonly LiteralHint<State>[]
    | { readonly [key: string]: LiteralHint<State> }
  : never;

/** What a node is told besides the state. */
export interface NodeContext {
  /** Name of the pipeline. */
  readonly pipelineName: string;
  /** Id of the run. */
  readonly runId: string;
  /** Name of the node. */
  readonly node: string;
  /** 1 on the node's first visit in this run, 2 on the next. */
  readonly visit: number;
  /**
   * 1 on the first try of this task, 2 on the next; it counts on where a crash came in between, and
   * begins again where a run that had failed is resumed.
   */
  readonly attempt: number;
  /** The same on every try of this task, across retries and resumes: an idempotency key. */
  readonly taskId: string;
  /** Aborts when the run is cancelled or the attempt took longer than `timeoutMs`. */
  readonly signal: AbortSignal;
  /** The answer that came with the approval of the pause before this node, if one did. */
  readonly answer?: unknown;
  /** What was said to the pause that this task made, where that re-entered the node. */
  readonly reentry?: PauseAnswer;
  /**
   * Tells a `custom` event to whoever watches the run. It is not stored, and what an attempt tells
   * after it ended is dropped.
   *
   * @returns Resolves when the reader of the run's stream has room for more: who tells much, awaits
   * it, or what was told piles up in memory where the reader is slow.
   */
  readonly emit: (value: unknown) => Promise<void>;
  /**
   * What failed, where the run came to this node as the `onError` of another one; of several, the
   * first in task order. It is plain data, before a crash as well as after it.
   */
  readonly failure?: FailureRecord;
  /** All that failed, the first one included. */
  readonly failures?: readonly FailureRecord[];
}

/** What an edge is told besides the state. */
export interface EdgeContext {
  /** The answer that came with the approval of its node's pause, if one did. */
  readonly answer?: unknown;
}

/**
 * Is put around the calls of nodes: calls `work` once, and returns what that returns.
 *
 * @param context What the node is told.
 */
export type AroundNode = <T>(context: NodeContext, work: () => T) => T;

/** A value, or the promise of one. */
export type MaybePromise<T> = T | Promise<T>;

/** The work of a node: from the state to an update, a pause, or nothing. */
export type NodeFunction<State, U> = (
  state: Readonly<State>,
  context: NodeContext,
) => MaybePromise<U | Pause | Rejection | void>;

/**
 * How often, and when, a node that threw or took too long is tried again before it counts as
 * failed. After attempt `n` the next one is due in `min(maxDelayMs, delayMs * factor ** (n - 1))`
 * milliseconds, less what `jitter` takes off. With a checkpointer the wait survives a crash.
 */
export interface RetryOptions {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  /** Time between the first try and the second one in milliseconds. Default 0. */
  readonly delayMs?: number;
  /** How many times longer each wait is than the one before. Default 2. */
  readonly factor?: number;
  /** Longest wait in milliseconds. Default: no limit. */
  readonly maxDelayMs?: number;
  /**
   * The largest share of each wait, from 0 to 1, that chance takes off, so that what failed together
   * is not tried again together. Default 0.
   */
  readonly jitter?: number;
  /**
   * Tells whether another try makes sense, where one is left. It is not asked about an `AbortError`,
   * nor about what a schema or the store's form of the state refused: these are never tried again.
   *
   * @param error What the attempt threw; a `NodeTimeoutError` if it took too long.
   * @param attempt The number of the attempt that failed: 1 for the first.
   */
  readonly retryOn?: (error: unknown, attempt: number) => boolean;
}

/** A node with options. */
export interface NodeOptions<State, U, Name extends string = never> {
  /** The work of the node. */
  readonly run: NodeFunction<State, U>;
  /** Tries a node that threw again; without it there is one try. */
  readonly retry?: RetryOptions;
  /**
   * Longest time of one attempt in milliseconds: then its signal aborts, the attempt fails with a
   * `NodeTimeoutError`, and what the node still answers is dropped.
   */
  readonly timeoutMs?: number;
  /**
   * The shape of the answer that approves this node's pauses: any Standard Schema, or a function that
   * tells it for a pause.
   */
  readonly answer?: StandardSchema | ((pause: PendingPause) => StandardSchema | undefined);
  /**
   * Where the run goes on when the node's last attempt failed: at that node, whose context has the
   * `failure`. The visit then counts as completed, without an update. Default `"fail"`: the run
   * fails. Where another task of the same step fails without it, the run fails all the same.
   */
  readonly onError?: "fail" | Name;
}

/** A node: a function, or one with options. */
export type Node<State, U, Name extends string = never> =
  | NodeFunction<State, U>
  | NodeOptions<State, U, Name>;

/** One or many. */
export type OneOrMany<T> = T | readonly T[];

/** The declared targets of a routed edge: a list of names, or names by label. */
export type Targets<Name extends string> =
  | readonly (Name | End)[]
  | { readonly [label: string]: Name | End };

/** What the function of a routed edge may answer: a listed name, or a label. */
export type LabelOf<To> = To extends readonly (infer Listed)[] ? Listed : keyof To;

/** The names among the declared targets of a routed edge. */
export type NameOf<To> = To extends readonly (infer Listed)[] ? Listed & string
  : To[keyof To] & string;

/** An edge whose function chooses among declared targets. */
export interface RoutedEdge<State, Name extends string, U, To> {
  /** Answers with a listed name or a label, a `send` to a declared target, or many of them. */
  readonly route: (
    state: Readonly<State>,
    context: EdgeContext,
  ) => MaybePromise<OneOrMany<NoInfer<LabelOf<To> | Send<NameOf<To>, U>> | LiteralHint<To>>>;
  /** The targets that `route` chooses among: names, or names by label. */
  readonly to: To & Targets<Name>;
  /** Where the run goes on if the node's pause is rejected. Without it, the run is cancelled. */
  readonly rejected?: Name | End;
}

/** What follows a node: fixed, computed, or computed among declared targets. */
export type Edge<State, Name extends string, U, To> =
  | OneOrMany<Name | End | Send<Name, object>>
  | ((
    state: Readonly<State>,
    context: EdgeContext,
  ) => MaybePromise<OneOrMany<Name | End | Send<Name, U>>>)
  | RoutedEdge<State, Name, U, To>;

/** The whole of a pipeline, as `definePipeline` takes it. */
export interface PipelineDefinition<
  Input,
  State extends object,
  R extends Reducers<State>,
  Reduced extends keyof State,
  Name extends string,
  To extends { readonly [Key in Name]: unknown },
> {
  /** Name of the pipeline: with a run's id it is what the run is stored under. */
  readonly name: string;
  /** Version of the definition: a positive integer. Default 1. */
  readonly version?: number;
  /**
   * From each older version's state to the next one's. A run that an older version stored is migrated
   * when it is loaded, step by step, and stored so by the call that goes on with it.
   */
  readonly migrate?: Migrations;
  /**
   * Nodes that older definitions called otherwise: their names now, by those of then. What runs store
   * of them goes on under the new name; tasks keep their ids.
   */
  readonly renamed?: { readonly [old: string]: NoInfer<Name> };
  /** The shape of the state: any Standard Schema, or `unchecked<State>()`. */
  readonly state: StandardSchema<Input, State>;
  /** How updates are folded into fields; a field without a reducer is replaced. */
  readonly reducers?: R & { readonly [Field in Reduced]: unknown };
  /** The nodes by name. */
  readonly nodes: {
    readonly [Key in Name]: Node<State, Update<State, R, Reduced>, NoInfer<Name>>;
  };
  /** The node that runs first. */
  readonly start: NoInfer<Name>;
  /** What follows each node, one entry a node. */
  readonly edges: {
    readonly [Key in keyof To]:
      & Edge<State, NoInfer<Name>, Update<State, R, Reduced>, To[Key]>
      & (Key extends Name ? unknown : never);
  };
}
