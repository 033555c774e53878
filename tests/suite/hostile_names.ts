/**
 * Names that stores get wrong.
 *
 * @module
 */

const LONG = "n".repeat(999);

/** Names that meet or lead elsewhere where a store puts them together without care. */
export const TWISTED: readonly string[] = [
  ...words`a A b c a/b b/c .. . .a a. a:b b:c runs a:runs * % %2F a%2Fb CON`,
  ...words`__proto__ constructor {x} ' " \ ${"\0"} ${"\ud800"} ${"\u{1f600}"} ${"\n"}`,
  ...["a ", `${LONG}y`, `${LONG}z`],
];

const PATHS = [
  ...words`/ // /etc ../a ../../.. ./a a/ a/. a/.. ... a.. ~ - -- -rf ? a? a* ?* [a] ^ { } {a}`,
  ...words`con con.txt nul aux. com1 a\b a\..\b C: C:\a a|b a<b> ${"\t"} a${"\t"} ${"\r"} ${"\r\n"}`,
  ...[" ", " a", "a. ."],
];

const KEYS = [
  ...words`000000 000000_a 000000_a.json a:000000_a a:000000 a:: :a firefly:ckpt # a#b ; a;b`,
  ...words`'' a'b $1 $$ $a$ null undefined true 0 -1 1e3 NaN toString hasOwnProperty then`,
  ...words`a_b a-b a+b a=b a&b a,b a@b %2f %25 %2525 %00 %ZZ \u0000 a${"\0"} a${"\0"}b`,
];

const LETTERS = [
  ...words`e${"\u0301"} ${"\u00e9"} s ${"\u017f"} K ${"\u212a"} ${"\ufeff"} ${"\u202e"} ${"\u200b"}`,
  ...words`${"\u{1f600}\ufe0f"} ${"\udc00"} ${"\ud800\ud800"} ${"\ufffd"} ${LONG}`,
  ...words`${"a".repeat(255)} ${"A".repeat(255)} ${"a".repeat(256)} ${"\u00e9".repeat(1_000)}`,
  ...words`${"/".repeat(1_000)} ${"%".repeat(1_000)} ${"\0".repeat(1_000)} ${
    "\u{1f600}".repeat(500)
  }`,
];

/** All of them, among them those that differ in case only, or in how a letter is composed. */
export const ALL_NAMES: readonly string[] = [...TWISTED, ...PATHS, ...KEYS, ...LETTERS];

/** The words of a text, in which a backslash is one and what is put in is part of a word. */
function words(text: TemplateStringsArray, ...parts: readonly string[]): readonly string[] {
  return String.raw(text, ...parts).split(" ");
}
