/**
 * What is behind the calls of a pipeline, for pipelines that run inside of others.
 *
 * @module
 */

import type { Call, Caller } from "./caller.ts";

/** A pipeline without its calls. */
export interface Inner<State extends object> {
  /** What all of its calls share. */
  readonly caller: Caller<State>;
  /** What a call brings that the signal cancels, with what watches all of its runs. */
  readonly makeCall: (signal: AbortSignal) => Call<State>;
}

const inners = new WeakMap<object, unknown>();

/** Notes what is behind a pipeline. */
export function noteInner<State extends object>(pipeline: object, inner: Inner<State>): void {
  inners.set(pipeline, inner);
}

/**
 * What is behind a pipeline.
 *
 * @throws {TypeError} If it was not made by `definePipeline`.
 */
export function innerOf<State extends object>(
  pipeline: { readonly name: string },
): Inner<State> {
  const inner = inners.get(pipeline);
  // Whoever noted it knew the pipeline's state.
  if (inner !== undefined) return inner as Inner<State>;
  throw new TypeError(
    `Cannot run "${pipeline?.name}" inside of a node: it is no pipeline of definePipeline`,
  );
}
