import { quote, quoteOrNull } from "../backends/postgres_quote.ts";
import type { RunSql } from "../backends/postgres_client.ts";
import { toRow } from "../backends/postgres_row.ts";
import type { CheckpointRecord } from "../mod.ts";

/** The same row as a save's, in a table `bare` like ours, and no question asked about it. */
export async function bareInsert(run: RunSql, record: CheckpointRecord): Promise<void> {
  const row = await toRow(record, undefined);
  await run(
    `INSERT INTO bare (pipeline_name, run_id, sequence, node_id, state, completed_nodes, paused, ` +
      `status, writer, saved_at, details) VALUES (${quote(row.pipeline)}, ${quote(row.run)}, ` +
      `${row.sequence}, ${quote(row.node)}, ${quote(row.state)}, ${quote(row.completedNodes)}, ` +
      `${row.paused}, ${quoteOrNull(row.status)}, ${quote(row.writer)}, ${
        quoteOrNull(row.savedAt)
      }, ${quote(row.details)}) ` +
      `ON CONFLICT (pipeline_name, run_id, sequence) DO UPDATE SET state = EXCLUDED.state`,
  );
}
