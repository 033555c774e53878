// LangGraph.js with lists that are stored as changes, which is in beta; main.ts starts it.
import { DeltaChannel } from "@langchain/langgraph";
import { runWorker } from "../worker.ts";
import { openLangGraph } from "./langgraph_peer.ts";

/** Stores what is appended, and the whole list every 100 updates: its default. */
function list<Item>() {
  return new DeltaChannel<Item[], Item[]>(
    (items, writes) => items.concat(...writes),
    { initialValueFactory: () => [] },
  );
}

await runWorker((dsn) => openLangGraph(dsn, list, "lists in a DeltaChannel (beta)"));
