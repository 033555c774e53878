/**
 * A turn of the event loop.
 *
 * @module
 */

/** The turn that is awaited: whoever waits at the same time shares it. */
let turn: Promise<void> | undefined;

/**
 * Resolves when the event loop has been around once. A timer would wait for a millisecond or more,
 * and a microtask for nothing.
 */
export function turnOfEventLoop(): Promise<void> {
  return turn ??= new Promise((resolve) =>
    comeAround(() => {
      turn = undefined;
      resolve();
    })
  );
}

/** Goes the way that Node.js made for it, where the host has that, or else a message's. */
function comeAround(done: () => void): void {
  if ("setImmediate" in globalThis && typeof globalThis.setImmediate === "function") {
    globalThis.setImmediate(done);
    return;
  }
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    port2.close();
    done();
  };
  port2.postMessage(undefined);
}
