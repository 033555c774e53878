/**
 * The figures as a chart, in SVG: a panel a row of the table, a bar a peer.
 *
 * @module
 */

import { isItself } from "./entries.ts";
import type { Spread } from "./figures.ts";
import { type PeerResults, type Results, spread } from "./results.ts";
import { type Row, rowsFor } from "./rows.ts";

const COLUMNS = 3;
const MARGIN = 24;
const PANEL = { width: 300, gap: 24, head: 44, bar: 16, pitch: 22 };
const NAME_WIDTH = 122;
const VALUE_WIDTH = 62;
const BAR_WIDTH = PANEL.width - NAME_WIDTH - VALUE_WIDTH;

/** It brings its own ground, so that it can be read on any page, light or dark. */
const STYLE = `
  svg { font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; }
  .ground { fill: #ffffff; stroke: #d0d7de; }
  .title { font-weight: 600; font-size: 12px; }
  text { fill: #1f2328; }
  .quiet { fill: #59636e; }
  .bar { fill: #afb8c1; }
  .itself .bar { fill: #bc4c00; }
  .itself text { font-weight: 600; }
  .range { stroke: #59636e; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d; }
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .bar { fill: #656c76; }
    .itself .bar { fill: #f0883e; }
    .range { stroke: #d1d7e0; }
  }
`;

/** Draws the chart. */
export function chart(results: Results): string {
  const rows = rowsFor(results.sizes);
  const panelHeight = PANEL.head + results.peers.length * PANEL.pitch;
  const width = 2 * MARGIN + COLUMNS * PANEL.width + (COLUMNS - 1) * PANEL.gap;
  const height = 2 * MARGIN +
    Math.ceil(rows.length / COLUMNS) * (panelHeight + PANEL.gap) - PANEL.gap;
  const panels = rows.map((row, index) => {
    const x = MARGIN + index % COLUMNS * (PANEL.width + PANEL.gap);
    const y = MARGIN + Math.floor(index / COLUMNS) * (panelHeight + PANEL.gap);
    return `<g transform="translate(${x} ${y})">\n${panel(row, results.peers)}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>What a durable step costs, in Firefly Pipeline and its peers</title>
<style>${STYLE}</style>
<rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${panels.join("\n")}
</svg>
`;
}

function panel(row: Row, peers: readonly PeerResults[]): string {
  const most = Math.max(...peers.map((peer) => spread(peer, row.figure)?.high ?? 0));
  const bars = peers.map((peer, index) => {
    const kind = isItself(peer) ? ` class="itself"` : "";
    const y = PANEL.head + index * PANEL.pitch;
    const name = text(0, peer.shortName);
    return `<g${kind} transform="translate(0 ${y})">${name}${
      bar(row, spread(peer, row.figure), most)
    }</g>`;
  });
  return [
    `<text class="title" y="12">${escape(row.workload)}</text>`,
    `<text class="quiet" y="28">${escape(row.unit)}, ${row.better} is better</text>`,
    ...bars,
  ].join("\n");
}

/** As long as its figure; a line shows from where to where the rounds went. */
function bar(row: Row, found: Spread | undefined, most: number): string {
  if (found === undefined) return text(NAME_WIDTH, "-");
  const length = (figure: number) => figure / most * BAR_WIDTH;
  const [width, from, to] = [
    Math.max(1, length(found.median)),
    NAME_WIDTH + length(found.low),
    NAME_WIDTH + length(found.high),
  ].map(pixels);
  return `<rect class="bar" x="${NAME_WIDTH}" width="${width}" height="${PANEL.bar}" rx="2"/>` +
    `<path class="range" d="M${from} ${PANEL.bar / 2}H${to}"/>` +
    text(NAME_WIDTH + length(found.high) + 6, row.show(found.median));
}

function text(x: number, content: string): string {
  return `<text x="${pixels(x)}" y="${PANEL.bar / 2 + 4}">${escape(content)}</text>`;
}

function pixels(length: number): string {
  return length.toFixed(1);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
