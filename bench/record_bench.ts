import type { CheckpointRecord } from "../pipeline/checkpoint_record.ts";
import { recordToText } from "../pipeline/record.ts";
import { record } from "./bench_record.ts";
import { benchRatio } from "./measure.ts";

const TEXTS = 200;

/** Makes the text of one record, again and again. */
function texts(made: CheckpointRecord): () => Promise<void> {
  // deno-lint-ignore require-await -- what is measured may await
  return async () => {
    for (let count = 0; count < TEXTS; count++) recordToText(made);
  };
}

const items = Array.from({ length: 1_000 }, (_, item) => `item ${item}`);
const like = record("a run", 1);
benchRatio({
  name: "the text of a record with a frozen list, beside one with a list that is not",
  unit: "text",
  units: TEXTS,
  mostTimes: 1.3,
  floor: texts({ ...like, state: { items } }),
  work: texts({ ...like, state: { items: Object.freeze(items.slice()) } }),
});
