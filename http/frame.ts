/**
 * Server-sent events as text. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @module
 */

/** One event as it is sent. */
export interface Frame {
  /** What a client that reconnects says it has seen; its last one is kept if there is none. */
  readonly id?: string;
  /** The name under which it is listened to. */
  readonly event?: string;
  /** Its text; without one, a client takes note of the id and of nothing else. */
  readonly data?: string;
}

/** The text of an event: a `data` line for each line of its text, whatever ends these. */
export function frameText({ id, event, data }: Frame): string {
  const lines: string[] = [];
  if (id !== undefined) lines.push(`id: ${id}`);
  if (data !== undefined) {
    if (event !== undefined) lines.push(`event: ${event}`);
    for (const line of data.split(/\r\n|\r|\n/)) lines.push(`data: ${line}`);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n\n`;
}

/** The text that tells a client after how many milliseconds it is to reconnect. */
export function retryText(retryMs: number): string {
  return `retry: ${Math.ceil(retryMs)}\n\n`;
}

/** The text that nobody is told of, to keep a connection from being taken for dead. */
export const KEEP_ALIVE = ": keep-alive\n\n";
