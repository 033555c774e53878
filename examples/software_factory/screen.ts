/** CSS for the parts of a line; Deno leaves it away where nobody sees colours. */
export const style = {
  plain: "",
  strong: "font-weight: bold",
  quiet: "color: gray",
  good: "color: green",
  bad: "color: red; font-weight: bold",
} as const;

export type Part = readonly [text: string, style?: string];

const WIDTH = 92;
const ERASE_LINE = "\r\x1b[2K";
let hasProgress = false;

/** Prints a line. */
export function print(...parts: readonly Part[]): void {
  clearProgress();
  console.log(
    parts.map(() => "%c%s").join(""),
    ...parts.flatMap(([text, css = style.plain]) => [css, text]),
  );
}

/** Prints a line across the screen with a title in it. */
export function printTitle(title: string): void {
  print();
  print([`── ${title} ${"─".repeat(Math.max(2, WIDTH - title.length - 4))}`, style.strong]);
  print();
}

/** Shows a line that the next one replaces, to a person; a file or a pipe gets no such lines. */
export function showProgress(text: string): void {
  if (!Deno.stdout.isTerminal()) return;
  clearProgress();
  Deno.stdout.writeSync(new TextEncoder().encode(text));
  hasProgress = true;
}

function clearProgress(): void {
  if (hasProgress) Deno.stdout.writeSync(new TextEncoder().encode(ERASE_LINE));
  hasProgress = false;
}

/** Prints rows under their header, every column as wide as its widest cell; numbers to the right. */
export function printTable(rows: readonly (readonly (string | number)[])[]): void {
  const [header = []] = rows;
  const widths = header.map((_, column) =>
    Math.max(...rows.map((row) => String(row[column]).length))
  );
  for (const [index, row] of rows.entries()) {
    const cells = row.map((cell, column) => {
      const isNumber = typeof rows[1]?.[column] === "number";
      const width = widths[column] ?? 0;
      return isNumber ? String(cell).padStart(width) : String(cell).padEnd(width);
    });
    print([`  ${cells.join("  ")}`.trimEnd(), index === 0 ? style.quiet : style.plain]);
  }
}
