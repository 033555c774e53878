/**
 * A pipeline's chart in Mermaid's flowchart language (https://mermaid.js.org/syntax/flowchart.html).
 *
 * @module
 */

import type { Topology, TopologyEdge } from "./topology.ts";

/**
 * Draws a topology. Fixed edges are solid, declared targets of a routed edge dashed, with their
 * labels; an edge that is computed freely leads to a question mark, and one that is taken when its
 * node fails ends with a cross.
 */
export function toMermaid({ start, nodes, edges }: Topology): string {
  const ids = new Map(nodes.map((node, index) => [node, `n${index}`]));
  const idOf = (node: string) => ids.get(node) ?? "";
  const end = edges.some((edge) => "to" in edge && edge.to === null) ? [`done(["end"])`] : [];
  const lines = [
    `start(["start"]) --> ${idOf(start)}`,
    ...nodes.map((node) => `${idOf(node)}["${escapeLabel(node)}"]`),
    ...end,
    ...edges.map((edge) => arrow(edge, idOf)),
  ];
  return ["flowchart TD", ...lines.map((line) => `  ${line}`)].join("\n") + "\n";
}

function arrow(edge: TopologyEdge, idOf: (node: string) => string): string {
  const from = idOf(edge.from);
  if ("dynamic" in edge) return `${from} -.-> ${from}_any{{"?"}}`;
  const to = edge.to === null ? "done" : idOf(edge.to);
  if (edge.onError) return `${from} -- "error" --x ${to}`;
  if (!edge.routed) return `${from} --> ${to}`;
  if (edge.label === undefined) return `${from} -.-> ${to}`;
  return `${from} -. "${escapeLabel(edge.label)}" .-> ${to}`;
}

/**
 * Writes a label so that Mermaid shows it as it is, whatever it holds. A colon is escaped as well:
 * after the words `style` or `classDef` it would make Mermaid cut the next escape short.
 */
function escapeLabel(label: string): string {
  const shown = label.toWellFormed().replace(/[^\p{L}\p{N} _.,\-]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    // Control characters have pictures of their own, from U+2400 on.
    return code < 32 ? `#${0x2400 + code};` : `#${code};`;
  });
  return shown.trim() === "" ? `${shown}#8203;` : shown;
}
