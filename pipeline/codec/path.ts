/**
 * Paths into a state, and the error that names one.
 *
 * @module
 */

/**
 * Thrown when a value cannot be stored without loss, or when what is stored under one of the
 * codec's tags was not written by the codec.
 *
 * @example
 * ```ts
 * import { StateSerializationError } from "@firefly/pipeline";
 *
 * const error = new StateSerializationError("state.items[3].price", "a function is no data");
 * console.log(error.path); // state.items[3].price
 * console.log(error.message); // Cannot store state.items[3].price: a function is no data
 * ```
 */
export class StateSerializationError extends Error {
  /** The name of the class. */
  override readonly name = "StateSerializationError";
  /**
   * Where the value is: `state.items[3].price`, `state["a key"]`, `state.prices.get("usd")`. Map
   * keys, set members, and values under a key that is no primitive value are named by position:
   * `state.map.keys()[0]`, `state.set.values()[2]`, `state.map.values()[0]`.
   */
  readonly path: string;
  /** Why it has no stored form. */
  readonly reason: string;

  /**
   * Takes where the value is, and why it cannot be stored or, as the verb says, restored; and whose
   * value it is, such as a run, where that is known.
   */
  constructor(
    path: string,
    reason: string,
    options?: ErrorOptions & { readonly verb?: "store" | "restore"; readonly of?: string },
  ) {
    const { verb = "store", of } = options ?? {};
    const what = of === undefined ? shortened(path) : `${shortened(path)} of ${of}`;
    super(`Cannot ${verb} ${what}: ${reason}`, options);
    this.path = path;
    this.reason = reason;
  }
}

/** Cut in the middle if long, and well-formed also when that cuts a character in two. */
function shortened(path: string): string {
  if (path.length <= 300) return path;
  return `${path.slice(0, 150)} ... ${path.slice(-150)}`.toWellFormed();
}

/** One step of a path: a property, an index, or the text of any other step, made when needed. */
export type Step = string | number | (() => string);

/**
 * Where a walk stands: in `container`, linked to the place that led there, at `step` below it.
 * Paths are built from places only when an error needs one.
 */
export interface Place {
  /** Absent at the root, whose step is the text that every path begins with. */
  readonly parent: Place | undefined;
  readonly container: object | undefined;
  readonly depth: number;
  /** Undefined while the walk is at the container itself. */
  step: Step | undefined;
}

export function rootPlace(path: string): Place {
  return { parent: undefined, container: undefined, depth: 0, step: path };
}

export function placeIn(container: object, parent: Place): Place {
  return { parent, container, depth: parent.depth + 1, step: undefined };
}

export function pathOf(place: Place): string {
  const steps: string[] = [];
  let root = place;
  for (; root.parent !== undefined; root = root.parent) steps.push(stepText(root.step));
  return `${root.step}${steps.reverse().join("")}`;
}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function stepText(step: Step | undefined): string {
  switch (typeof step) {
    case "undefined":
      return "";
    case "function":
      return step();
    case "number":
      return `[${step}]`;
    case "string":
      return identifier.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
  }
}

/** The path of a property of what is at a path. */
export function propertyPath(path: string, key: string): string {
  return path + stepText(key);
}

export function mapKeyStep(position: number): Step {
  return () => `.keys()[${position}]`;
}

export function setMemberStep(position: number): Step {
  return () => `.values()[${position}]`;
}

/** The step to a map's value: by its key where that can be written down, else by its position. */
export function mapValueStep(key: unknown, position: number): Step {
  return () => {
    switch (typeof key) {
      case "string":
        return `.get(${JSON.stringify(key)})`;
      case "bigint":
        return `.get(${key}n)`;
      case "number":
      case "boolean":
        return `.get(${key})`;
      default:
        return `.values()[${position}]`;
    }
  };
}
