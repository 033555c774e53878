/**
 * Values as SQL text, for drivers to which text without parameters is the quickest way.
 *
 * @module
 */

/**
 * A value as a dollar-quoted literal, which no setting of the server reads differently. The tag is
 * random and does not occur in the value, so nothing in the value can end it.
 * Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 *
 * @param text Well-formed text without NUL, which Postgres has no form for.
 */
export function quote(text: string): string {
  // Without its last character, which a value that ends with the rest would lend to it.
  while (text.includes(stem)) renewTag();
  return tag + text + tag;
}

/** Kept until a value holds it, since random numbers cost more than the rest of the work. */
let stem: string;
let tag: string;
renewTag();

function renewTag(): void {
  stem = `$q${crypto.getRandomValues(new Uint32Array(2)).join("_")}`;
  tag = `${stem}$`;
}

/** A value as a literal, `NULL` if there is none. */
export function quoteOrNull(text: string | null | undefined): string {
  return text === null || text === undefined ? "NULL" : quote(text);
}

/**
 * Whether a text comes back from a column as it was: Postgres has no form for NUL and lone
 * surrogates, and some drivers take a byte order mark off what they read.
 */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0") && !text.startsWith("\ufeff");
}

/** Whether `jsonb` takes what JSON text holds: in JSON text, what it refuses is escaped. */
export function isStorableJson(json: string): boolean {
  return !/\\u(?:0000|d[89a-f][0-9a-f]{2})/i.test(json);
}
