/**
 * Disks that fail for a while, as this process sees them.
 *
 * @module
 */

import type { Fault } from "./place.ts";

/** How long a disk fails, in milliseconds. */
const FAULT_MS = 30;

/** What may befall a disk. */
export const FILE_FAULTS: readonly [Fault, ...Fault[]] = [
  {
    name: "full disks",
    inject: () =>
      whilePatched(
        Deno.FsFile.prototype,
        "writeSync",
        (writeSync) =>
          function (this: Deno.FsFile, bytes: Uint8Array): number {
            writeSync.call(this, bytes.subarray(0, bytes.length / 2));
            throw diskError("No space left on device (os error 28)", "ENOSPC");
          },
      ),
  },
  {
    name: "failed syncs",
    async inject() {
      const fail = () => () => Promise.reject(inputOutputError());
      await Promise.all([
        whilePatched(Deno.FsFile.prototype, "sync", fail),
        whilePatched(Deno.FsFile.prototype, "syncData", fail),
      ]);
    },
  },
  {
    name: "failed links",
    inject: () =>
      whilePatched(Deno, "linkSync", () => (): void => {
        throw inputOutputError();
      }),
  },
];

async function whilePatched<Owner, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  patch: (real: Owner[Name]) => Owner[Name],
): Promise<void> {
  const real = owner[name];
  owner[name] = patch(real);
  try {
    await new Promise((resolve) => setTimeout(resolve, FAULT_MS));
  } finally {
    owner[name] = real;
  }
}

function inputOutputError(): Error {
  return diskError("Input/output error (os error 5)", "EIO");
}

function diskError(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}
