/**
 * The ids of sent events: the sequence of the latest checkpoint, and whether the stream had come to
 * its end there.
 *
 * @module
 */

const END = ".end";

/** What a client has seen of a run. */
export interface SeenEvents {
  /** The sequence of the latest checkpoint. */
  readonly sequence: number;
  /** Whether it was told that no more would come. */
  readonly isEnd: boolean;
}

/** The id of the last event of a stream. */
export function endId(sequence: number): string {
  return `${sequence}${END}`;
}

/** What an id tells; `undefined` if it is no id of ours. */
export function parseEventId(id: string): SeenEvents | undefined {
  const isEnd = id.endsWith(END);
  const digits = isEnd ? id.slice(0, -END.length) : id;
  const sequence = Number(digits);
  return /^\d+$/.test(digits) && Number.isSafeInteger(sequence) ? { sequence, isEnd } : undefined;
}
