/**
 * Who is measured: one program each.
 *
 * @module
 */

import denoJson from "../../deno.json" with { type: "json" };
import { configArgs } from "../../tools/deno_args.ts";
import others from "./others/deno.json" with { type: "json" };

/** One peer, as a program. */
export interface Entry {
  /** What `--peers` calls it. */
  readonly id: string;
  /** What the table calls it. */
  readonly name: string;
  /** What the chart calls it. */
  readonly shortName: string;
  /** Arguments of the Deno that measures it, before the order. */
  readonly args: readonly string[];
}

/** All of them, in the order of the table's columns. */
export const ENTRIES: readonly Entry[] = [
  {
    id: "firefly",
    name: `Firefly Pipeline ${denoJson.version}`,
    shortName: "Firefly Pipeline",
    args: program("firefly.ts", configArgs()),
  },
  other("langgraph", "LangGraph.js", "@langchain/langgraph"),
  other("langgraph_delta", "LangGraph.js delta", "@langchain/langgraph"),
  other("dbos", "DBOS", "@dbos-inc/dbos-sdk"),
  other("mastra", "Mastra", "@mastra/core"),
  {
    id: "bare",
    name: "Bare `INSERT`",
    shortName: "Bare INSERT",
    args: program("bare.ts", configArgs()),
  },
];

/** Whether it is this package. */
export function isItself({ id }: { readonly id: string }): boolean {
  return id === "firefly";
}

/** The packages of the peers, with their versions. */
export const PACKAGES: readonly string[] = Object.values(others.imports).map((specifier) =>
  specifier.slice("npm:".length)
);

/** A config of their own names their packages, so that nothing else can come to need them. */
function other(id: string, name: string, packageName: keyof typeof others.imports): Entry {
  const version = others.imports[packageName].split("@").at(-1);
  const config = ["--config", path("others/deno.json")];
  return {
    id,
    name: `${name} ${version}`,
    shortName: name,
    args: program(`others/${id}.ts`, config),
  };
}

function program(file: string, config: readonly string[]): readonly string[] {
  return ["run", "--check", "--allow-all", "--quiet", ...config, path(file)];
}

function path(file: string): string {
  return new URL(file, import.meta.url).pathname;
}
