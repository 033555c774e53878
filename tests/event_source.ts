/**
 * A client of server-sent events, written from the specification's own words
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html), and no faster than it is read.
 */

/** A message, as a browser's `EventSource` would dispatch it. */
export interface Message {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** What a client keeps while it reconnects. */
export interface Client {
  /** The id that it sends as `Last-Event-ID`. */
  lastEventId: string;
  /** After how many milliseconds it is to reconnect, if the server said so. */
  retryMs?: number;
  /** The comments that it met. */
  readonly comments: string[];
}

/** Begins without an id. */
export function makeClient(): Client {
  return { lastEventId: "", comments: [] };
}

/** Yields the messages of one response, and keeps the id of the last one. */
export async function* messagesOf(response: Response, client: Client): AsyncGenerator<Message> {
  let type = "";
  let data = "";
  let id = client.lastEventId;
  for await (const line of linesOf(response)) {
    if (line === "") {
      client.lastEventId = id;
      if (data !== "") {
        const lastEventId = id;
        yield { type: type || "message", data: data.replace(/\n$/, ""), lastEventId };
      }
      type = data = "";
      continue;
    }
    const [, field = "", value = ""] = /^([^:]*)(?::\u0020?(.*))?$/s.exec(line) ?? [];
    if (field === "") client.comments.push(value);
    else if (field === "event") type = value;
    else if (field === "data") data += `${value}\n`;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^\d+$/.test(value)) client.retryMs = Number(value);
  }
}

/** Lines end with CR, LF or both; what comes after the last end is no line. */
async function* linesOf({ body }: Response): AsyncGenerator<string> {
  let rest = "";
  for await (const text of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + text).split(/\r\n|\r(?!$)|\n/);
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
