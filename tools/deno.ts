// Runs a Deno command, with stand-ins for the JSR packages where these do not resolve:
// deno run -A tools/deno.ts test -A
import { configArgs } from "./deno_args.ts";
import { settlePackages, standInImportMap } from "./stand_ins.ts";

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** The command with what makes the packages resolve, once `settlePackages()` is done. */
export function withPackages([command = "help", ...args]: readonly string[]): string[] {
  const config = configArgs();
  if (command !== "doc" || config.length === 0) return [command, ...config, ...args];
  return [command, "--import-map", standInImportMap(), ...args];
}

/** Runs a Deno command in place of this process, as far as anyone outside can see. */
export async function runDeno(args: readonly string[]): Promise<never> {
  await settlePackages();
  const child = new Deno.Command(Deno.execPath(), { args: withPackages(args) }).spawn();
  forwardSignals(child);
  const { code } = await child.status;
  Deno.exit(code);
}

/** Passes signals on for as long as this process lives. */
export function forwardSignals(child: Deno.ChildProcess): void {
  for (const signal of SIGNALS) {
    Deno.addSignalListener(signal, () => {
      // A terminal sends Ctrl-C to the child itself; two of them mean "now" to many programs.
      if (signal === "SIGINT" && fromTerminal()) return;
      try {
        child.kill(signal);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended meanwhile
      }
    });
  }
}

function fromTerminal(): boolean {
  return [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
}

if (import.meta.main) await runDeno(Deno.args);
