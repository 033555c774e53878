import { filesBelow } from "../file_probes.ts";
import { FILE_FAULTS } from "./file_faults.ts";
import type { Place } from "./place.ts";

/** A checkpoint, the one head of a run, or what it is found by. */
const KEPT = /^[^/]+\/(?<run>[^/]+)\/(?:\d{6,}_.*\.json|(?<head>\.head-\d+)|\.latest)$/;

/** The one file that belongs to no run. */
const CLOCK = ".clock";

/** A folder. */
export async function filePlace(): Promise<Place> {
  const where = await Deno.makeTempDir({ prefix: "firefly-place-" });
  const contents = async () => (await filesBelow(where)).filter((path) => path !== CLOCK);
  return {
    address: { backend: "file", where },
    async strays() {
      const paths = await contents();
      const heads = Map.groupBy(paths, (path) => {
        const { run, head } = KEPT.exec(path)?.groups ?? {};
        return head === undefined ? undefined : run;
      });
      heads.delete(undefined);
      return [
        ...paths.filter((path) => !KEPT.test(path)),
        ...[...heads.values()].flatMap((paths) => paths.slice(1)),
      ];
    },
    contents,
    faults: FILE_FAULTS,
    [Symbol.asyncDispose]: () => Deno.remove(where, { recursive: true }),
  };
}
