/**
 * The part of Standard Schema that a pipeline uses, so that zod, valibot, arktype and others can
 * describe its state without being known here. Source: https://standardschema.dev (version 1).
 *
 * @module
 */

/** A schema of any library that follows Standard Schema 1. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the specification asks of a schema. */
  readonly "~standard": {
    /** Version of the specification. */
    readonly version: 1;
    /** The library that made the schema. */
    readonly vendor: string;
    /** Yields the value, defaults filled in, or what is wrong with it. */
    readonly validate: (
      value: unknown,
    ) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Carries the types; never there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where in the value it is wrong. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Thrown when a schema refuses the input of a run; nothing was saved. */
export class InputValidationError extends Error {
  /** The name of the class. */
  override readonly name = "InputValidationError";
  /** Everything that is wrong with the input. */
  readonly issues: readonly SchemaIssue[];

  /** Takes the pipeline's name and what its schema found. */
  constructor(pipelineName: string, issues: readonly SchemaIssue[], options?: ErrorOptions) {
    const list = issueList(issues, "the input");
    super(`Cannot start pipeline "${pipelineName}": its schema refuses the input:${list}`, options);
    this.issues = issues;
  }
}

/** Thrown when an answer to a pause is not of the shape that its node asks for. */
export class AnswerValidationError extends Error {
  /** The name of the class. */
  override readonly name = "AnswerValidationError";
  /** Everything that is wrong with the answer. */
  readonly issues: readonly SchemaIssue[];

  /** Takes the node, its pipeline and what the schema found. */
  constructor(
    node: string,
    pipelineName: string,
    issues: readonly SchemaIssue[],
    options?: ErrorOptions,
  ) {
    super(
      `Cannot approve the pause of node "${node}" of pipeline "${pipelineName}": its schema ` +
        `refuses the answer:${issueList(issues, "the answer")}`,
      options,
    );
    this.issues = issues;
  }
}

/**
 * A state that only the compiler checks: nothing is looked at when a run starts. Fields that the
 * input leaves out are `undefined` until a node sets them. Without a schema nobody knows the fields
 * when a run is under way: name them all to have updates with other fields refused, as they are
 * with a schema.
 *
 * @example
 * ```ts
 * import { definePipeline, END, unchecked } from "@firefly/pipeline";
 *
 * const counter = definePipeline({
 *   name: "counter",
 *   state: unchecked<{ count: number }>(),
 *   nodes: { add: (state) => ({ count: state.count + 1 }) },
 *   start: "add",
 *   edges: { add: END },
 * });
 * const result = await counter.invoke({ count: 1 });
 * console.log(result.state.count); // 2
 * ```
 *
 * @typeParam State The shape of the state.
 * @param fields The names of all fields.
 */
export function unchecked<State extends object>(
  ...fields: readonly (keyof State & string)[]
): StandardSchema<Partial<State>, State> {
  const known = fields.length === 0 ? {} : { fields };
  return {
    ...known,
    "~standard": {
      version: 1,
      vendor: "@firefly/pipeline",
      validate: (value) => ({ value: value as State }),
    },
  };
}

/**
 * Yields the state that an input stands for.
 *
 * @throws {InputValidationError} If the schema refuses the input.
 * @throws {TypeError} If the schema's output is no object.
 */
export async function parseInput<State extends object>(
  schema: StandardSchema<unknown, State>,
  input: unknown,
  pipelineName: string,
): Promise<State> {
  const result = await schema["~standard"].validate(input);
  if (result.issues !== undefined) throw new InputValidationError(pipelineName, result.issues);
  const { value } = result;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(
      `Cannot start pipeline "${pipelineName}": its input is ${describe(value)}, not an object ` +
        "with the fields of the state",
    );
  }
  return value;
}

/**
 * Yields the answer that a value stands for.
 *
 * @throws {AnswerValidationError} If the schema refuses it.
 */
export async function parseAnswer(
  schema: StandardSchema,
  answer: unknown,
  node: string,
  pipelineName: string,
): Promise<unknown> {
  const result = await schema["~standard"].validate(answer);
  if (result.issues === undefined) return result.value;
  throw new AnswerValidationError(node, pipelineName, result.issues);
}

/** How messages list what a schema found, one issue a line. */
export function issueList(issues: readonly SchemaIssue[], whole: string): string {
  return issues.map((issue) => `\n  ${issuePath(issue, whole)}: ${issue.message}`).join("");
}

function issuePath({ path = [] }: SchemaIssue, whole: string): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  return keys.length === 0 ? whole : keys.join(".");
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `of type ${typeof value}`;
}
