/**
 * The contract of a checkpointer, run over every backend: what the protocol asks of a store, and
 * what pipelines do over it.
 *
 * @module
 */

import { testApprovals } from "./suite/approvals.ts";
import { testChanges } from "./suite/changes.ts";
import { testDeaths } from "./suite/deaths.ts";
import { testDeletions } from "./suite/deletions.ts";
import { testEngine } from "./suite/engine.ts";
import { testHistory } from "./suite/history.ts";
import { testLeases } from "./suite/leases.ts";
import { testListing } from "./suite/listing.ts";
import { testNames } from "./suite/names.ts";
import { testPauses } from "./suite/pauses.ts";
import { testPruning } from "./suite/pruning.ts";
import { testRecords } from "./suite/records.ts";
import { testRetries } from "./suite/retries.ts";
import { testRivals } from "./suite/rivals.ts";
import type { Harness, Test } from "./suite/store.ts";
import { testSubPipelines } from "./suite/sub_pipelines.ts";
import { testVersions } from "./suite/versions.ts";
import { testWorkers } from "./suite/workers.ts";

export type { Harness, Store } from "./suite/store.ts";

/**
 * Registers the whole suite for one backend.
 *
 * @param name The backend: begins the name of every test.
 * @param harness Opens the stores, one for each test.
 */
export function checkpointerSuite(name: string, harness: Harness): void {
  if (harness.ignore !== undefined) console.warn(`${name} is not tested: ${harness.ignore}`);
  const test: Test = (behaviour, body) => {
    Deno.test({
      name: `${name}: ${behaviour}`,
      ignore: harness.ignore !== undefined,
      // Off by default since Deno 2.9: a store that leaks must fail.
      sanitizeOps: true,
      sanitizeResources: true,
      async fn() {
        const store = await harness.open();
        try {
          await body(store);
        } finally {
          await store.close();
        }
      },
    });
  };
  testRecords(test);
  testRivals(test);
  testChanges(test);
  testListing(test);
  testHistory(test);
  testLeases(test);
  testNames(test);
  testEngine(test);
  testPauses(test);
  testApprovals(test);
  testPruning(test);
  testVersions(test);
  testSubPipelines(test);
  testRetries(test);
  testWorkers(test);
  testDeaths(test);
  testDeletions(test);
}
