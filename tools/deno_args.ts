/** Names the generated config while stand-ins take the place of JSR packages; unset otherwise. */
export const CONFIG_VARIABLE = "FIREFLY_CONFIG";

/**
 * The arguments with which a Deno spawned from here resolves the packages that this process
 * resolves: `new Deno.Command(Deno.execPath(), { args: ["run", ...configArgs(), "-A", script] })`.
 */
export function configArgs(): string[] {
  const path = Deno.env.get(CONFIG_VARIABLE);
  return path ? ["--config", path] : [];
}
