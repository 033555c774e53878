/** Where figures come from. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly deno: string;
  readonly postgres: string;
}

/** Looks at this machine; `postgres` is the server's version, which only the server knows. */
export async function thisMachine(postgres: string): Promise<Machine> {
  return {
    cpu: await cpuModel(),
    cores: navigator.hardwareConcurrency,
    memoryGiB: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    os: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    postgres,
  };
}

/** As Linux tells it; other systems have no such file. */
async function cpuModel(): Promise<string> {
  try {
    const text = await Deno.readTextFile("/proc/cpuinfo");
    return /^model name\s*: (.+)$/m.exec(text)?.[1] ?? "unknown CPU";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "unknown CPU";
    throw error;
  }
}
