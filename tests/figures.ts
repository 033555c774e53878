/**
 * What the harnesses print when they have come to their end.
 *
 * @module
 */

/** One figure: what it is of, how much, and what is to be known besides. */
export type Figure = readonly [name: string, value: number | string, note?: string];

/** Figures below a title, one a line. */
export function figuresText(title: string, figures: readonly Figure[]): string {
  const rows = figures.map(([name, value, note = ""]) => [name, inText(value), note] as const);
  const widthOf = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const [names, values] = [widthOf(0), widthOf(1)];
  const lines = rows.map(([name, value, note]) =>
    `  ${name.padEnd(names)}  ${value.padStart(values)}  ${note}`.trimEnd()
  );
  return [title, "", ...lines, ""].join("\n");
}

/** Bytes as people read them. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function inText(value: number | string): string {
  return typeof value === "number" ? value.toLocaleString("en") : value;
}
