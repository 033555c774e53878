// LangGraph.js, measured; main.ts starts it.
import { Annotation } from "@langchain/langgraph";
import { runWorker } from "../worker.ts";
import { openLangGraph } from "./langgraph_peer.ts";

/** A list as the documentation makes one: a reducer that joins two. */
function list<Item>() {
  return Annotation<Item[]>({ reducer: (items, more) => items.concat(more), default: () => [] });
}

await runWorker((dsn) => openLangGraph(dsn, list, "lists with a reducer that joins them"));
