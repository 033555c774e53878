/**
 * A TCP proxy with faults: what lies between a program and its server can fail at any byte.
 *
 * @module
 */

/** Two ends of one connection through the proxy. */
interface Pair {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;
}

/** Stands before a port of this machine and passes everything on, until told otherwise. */
export class FaultyProxy implements AsyncDisposable {
  /** Connections taken so far. */
  connections = 0;
  /** Bytes passed on to the server so far. */
  bytes = 0;
  /** Whether new connections are cut as soon as they are made. */
  refuses = false;
  readonly #target: number;
  readonly #listener: Deno.TcpListener;
  readonly #pairs = new Set<Pair>();
  readonly #pumps = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #bytesLeft = Infinity;
  #swallowing: { readonly text: string; readonly done: PromiseWithResolvers<void> } | undefined;

  /** Takes the port that it stands before; it listens at once. */
  constructor(target: number) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accepting = this.#accept();
  }

  /** The port to connect to. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Cuts all connections that there are; new ones are taken. */
  cut(): void {
    for (const pair of this.#pairs) this.#cutPair(pair);
  }

  /** Lets so many more bytes through to the server, then cuts the connection that sent them, once. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  /**
   * Lets the next message that holds this text through to the server, keeps the answer from the
   * client and cuts the connection instead, once: what was sent is done, and its sender cannot
   * know. Resolves when that has happened.
   */
  swallowAnswerTo(text: string): Promise<void> {
    this.#swallowing = { text, done: Promise.withResolvers() };
    return this.#swallowing.done.promise;
  }

  /** Cuts all connections and stops listening. */
  async close(): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#pumps);
  }

  /** The same as {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        this.connections++;
        if (this.refuses) client.close();
        else this.#track(this.#serve(client));
      }
    } catch (error) {
      // Closing the listener ends the loop, with or without an error.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  #track(pump: Promise<void>): void {
    this.#pumps.add(pump);
    pump.finally(() => this.#pumps.delete(pump));
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    let server;
    try {
      server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
    } catch {
      client.close(); // as if the client had reached the server itself, which is down
      return;
    }
    client.setNoDelay();
    server.setNoDelay();
    const pair = { client, server };
    this.#pairs.add(pair);
    let swallows: PromiseWithResolvers<void> | undefined;
    const up = this.#pump(pair, client, async (bytes) => {
      const armed = this.#swallowing;
      if (armed !== undefined && new TextDecoder().decode(bytes).includes(armed.text)) {
        this.#swallowing = undefined;
        swallows = armed.done;
      }
      const passed = bytes.subarray(0, this.#bytesLeft);
      this.#bytesLeft -= passed.length;
      this.bytes += passed.length;
      await writeAll(server, passed);
      if (passed.length === bytes.length) return true;
      this.#bytesLeft = Infinity;
      return false;
    });
    const down = this.#pump(pair, server, async (bytes) => {
      if (swallows === undefined) {
        await writeAll(client, bytes);
        return true;
      }
      swallows.resolve();
      return false;
    });
    await Promise.all([up, down]);
  }

  /** Passes on what one end says, until it ends, the connection is cut, or `pass` wants it cut. */
  async #pump(
    pair: Pair,
    from: Deno.TcpConn,
    pass: (bytes: Uint8Array) => Promise<boolean>,
  ): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null || !await pass(buffer.subarray(0, count))) break;
      }
    } catch (error) {
      if (!isBroken(error)) throw error;
    }
    this.#cutPair(pair);
  }

  #cutPair(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.close();
    pair.server.close();
  }
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await conn.write(bytes.subarray(done));
}

/** What reading or writing a connection throws when either end has closed it. */
function isBroken(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted;
}
