import { type Checkpointer, MemoryCheckpointer } from "../mod.ts";
import { checkpointerSuite, type Harness } from "./checkpointer_suite.ts";
import { ChangeKeeper } from "./suite/change_keeper.ts";

checkpointerSuite("memory", inMemory(() => new MemoryCheckpointer()));
checkpointerSuite("changes in memory", inMemory(() => new ChangeKeeper()));

function inMemory(make: () => Checkpointer): Harness {
  return {
    open() {
      const checkpointer = make();
      return Promise.resolve({
        checkpointer,
        again: () => checkpointer,
        close: () => Promise.resolve(),
      });
    },
  };
}
