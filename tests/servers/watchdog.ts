/**
 * Removing what a process started, however it ends.
 *
 * @module
 */

/** Waits for its standard input to end, which it does with its parent, and then for the rest. */
const WAIT = `
trap '' INT TERM HUP
cat
`;

/** Runs shell commands when it is told to, or when this process has ended. */
export class Watchdog {
  readonly #child: Deno.ChildProcess;

  /**
   * Takes the commands.
   *
   * @param args What they know as `$1`, `$2`, and so on.
   * @param wrapper What runs the shell, for another user to own what it does.
   */
  constructor(commands: string, args: readonly string[], cwd: string, wrapper: readonly string[]) {
    const [command = "sh", ...rest] = [...wrapper, "sh", "-c", WAIT + commands, "sh", ...args];
    this.#child = new Deno.Command(command, {
      args: rest,
      cwd,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    // It ends after this process.
    this.#child.unref();
  }

  /** Has the commands run now, and waits for their end. */
  async close(): Promise<void> {
    this.#child.ref();
    await this.#child.stdin.close();
    await this.#child.status;
  }
}
