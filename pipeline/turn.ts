/**
 * A turn of the event loop.
 *
 * @module
 */

/** The turn that is awaited: whoever waits at the same time shares it. */
let turn: Promise<void> | undefined;

/**
 * Resolves when the event loop has been around once. It takes a message's way: a timer waits for a
 * millisecond or more, and a microtask for nothing.
 */
export function turnOfEventLoop(): Promise<void> {
  return turn ??= new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      turn = undefined;
      resolve();
    };
    port2.postMessage(undefined);
  });
}
