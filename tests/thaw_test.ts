import { assert, assertEquals } from "@std/assert";
import type { CheckpointChange } from "../pipeline/checkpoint_record.ts";
import { recordToText, toStored } from "../pipeline/record.ts";
import { toStoredChange } from "../pipeline/stored_change.ts";
import { thawed } from "../pipeline/thaw.ts";
import { record } from "./probe_record.ts";

const LISTS = { tags: Object.freeze(["a", "b"]), empty: Object.freeze([]), text: "x" };

Deno.test("what is thawed holds the same, and no frozen list", () => {
  const found = thawed(Object.freeze({ ...LISTS, nested: Object.freeze({ deep: [1] }) }));
  assertEquals(found, { tags: ["a", "b"], empty: [], text: "x", nested: { deep: [1] } });
  assert(!Object.isFrozen(found.tags));
  assert(!Object.isFrozen(found.empty));
});

Deno.test("a field is thawed whatever its name, in its place among the others", () => {
  const json = JSON.parse('{"b":[1],"__proto__":[2],"a":[3]}');
  assertEquals(JSON.stringify(thawed(json)), JSON.stringify(json));
});

Deno.test("JSON is made of a record, and of a change, without frozen lists", () => {
  const whole = record(1, { state: LISTS });
  const { state } = toStored(whole);
  assert(!Object.isFrozen(state.tags));
  assertEquals(JSON.parse(recordToText(whole)).state, LISTS);
  const change: CheckpointChange = {
    since: 0,
    sinceWriter: whole.writer,
    set: LISTS,
    appended: {},
    removed: [],
    completedNodes: [],
    tasks: { finished: [] },
  };
  const { set = {} } = toStoredChange(whole, change, { savedMs: 0, steps: 0 });
  assert(!Object.isFrozen(set.tags));
  assertEquals(set, LISTS);
});
