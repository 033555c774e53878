import { assert, assertEquals, assertFalse, assertStrictEquals, fail } from "@std/assert";
import fc from "fast-check";
import { decode, encode, type Json } from "../pipeline/codec.ts";
import { isSame, plainValues, storableValues } from "./codec_values.ts";

function throughText(value: unknown): unknown {
  return decode(JSON.parse(JSON.stringify(encode(value))));
}

function checkAll(values: fc.Arbitrary<unknown>, check: (value: unknown) => void): void {
  fc.assert(fc.property(values, check), { numRuns: 2_000 });
}

function at(value: unknown, ...path: PropertyKey[]): unknown {
  return path.reduce((inner, key) => Reflect.get(Object(inner), key), value);
}

/** An own `__proto__`, which an object literal cannot have. */
function withProto(value: unknown): Record<string, unknown> {
  return Object.fromEntries([["__proto__", value], ["constructor", value]]);
}

Deno.test("every storable value comes back as it was", () => {
  checkAll(storableValues, (value) => assert(isSame(throughText(value), value)));
});

Deno.test("a value comes back also without passing through text", () => {
  checkAll(storableValues, (value) => assert(isSame(decode(encode(value)), value)));
});

Deno.test("the stored text holds neither NUL nor a lone surrogate, escaped or not", () => {
  checkAll(storableValues, (value) => {
    const text = JSON.stringify(encode(value));
    assertFalse(/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i.test(text), text);
    assert(text.isWellFormed() && !text.includes("\0"), text);
  });
});

Deno.test("neither encoding nor decoding changes what it is given", () => {
  fc.assert(
    fc.property(fc.clone(storableValues, 2), ([value, untouched]) => {
      const encoded = encode(value);
      assert(isSame(value, untouched));
      const text = JSON.stringify(encoded);
      decode(encoded);
      assertEquals(JSON.stringify(encoded), text);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("what is stored is stored again the same, so an unchanged state has one form", () => {
  checkAll(storableValues, (value) => {
    assertEquals(JSON.stringify(encode(throughText(value))), JSON.stringify(encode(value)));
  });
});

Deno.test("plain JSON is its own stored form, the very same object, both ways", () => {
  checkAll(plainValues, (value) => {
    assertStrictEquals(encode(value), value);
    assertStrictEquals(decode(value as Json), value);
  });
  const state = { list: [1, "a", null, true, { deep: [[], {}] }], ...withProto({ a: 1 }) };
  assertStrictEquals<unknown>(encode(state), state);
  assertStrictEquals<unknown>(decode(state as Json), state);
});

Deno.test("only what leads to a tag is copied", () => {
  const [before, first, last, after] = [{ a: [1] }, { b: 1 }, { c: 1 }, { d: 1 }];
  const stored = encode({ before, when: [first, new Date(0), last], after });
  for (const result of [stored, decode(stored)]) {
    assertStrictEquals(at(result, "before"), before);
    assertStrictEquals(at(result, "when", 0), first);
    assertStrictEquals(at(result, "when", 2), last);
    assertStrictEquals(at(result, "after"), after);
  }
});

Deno.test("each kind of value has a fixed stored form", () => {
  const forms: [value: unknown, stored: Json][] = [
    [undefined, { $undefined: true }],
    [NaN, { $number: "NaN" }],
    [Infinity, { $number: "Infinity" }],
    [-Infinity, { $number: "-Infinity" }],
    [-0, { $number: "-0" }],
    [-12345678901234567890n, { $bigint: "-12345678901234567890" }],
    ["a\0", { $text: '"a\\u0000"' }],
    ["\ud800", { $text: '"\\ud800"' }],
    [new Date(0), { $date: "1970-01-01T00:00:00.000Z" }],
    [new Date(NaN), { $date: null }],
    [new URL("https://example.org/a?b#c"), { $url: "https://example.org/a?b#c" }],
    [new Uint8Array([1, 2, 255]), { $bytes: "AQL/" }],
    [new Uint8Array([9, 1, 2, 255, 9]).subarray(1, 4), { $bytes: "AQL/" }],
    [new Map<unknown, unknown>([["a", 1], [1n, undefined]]), {
      $map: [["a", 1], [{ $bigint: "1" }, { $undefined: true }]],
    }],
    [new Set([1, undefined]), { $set: [1, { $undefined: true }] }],
    [{ "a\0": 1, b: 2n }, { $entries: [[{ $text: '"a\\u0000"' }, 1], ["b", { $bigint: "2" }]] }],
    [{ a: undefined, b: [undefined] }, { a: { $undefined: true }, b: [{ $undefined: true }] }],
  ];
  for (const [value, stored] of forms) {
    assertEquals(JSON.stringify(encode(value)), JSON.stringify(stored));
    assert(isSame(decode(stored), value), JSON.stringify(stored));
  }
});

Deno.test("-0 comes back as -0, at any place", () => {
  const restored = throughText({ a: -0, b: [-0], c: new Set([{ d: -0 }]) });
  const [member] = at(restored, "c") as Set<unknown>;
  for (const zero of [throughText(-0), at(restored, "a"), at(restored, "b", 0), at(member, "d")]) {
    assertStrictEquals(zero, -0);
  }
});

Deno.test("data that looks like a tag comes back as data", () => {
  const imitations = [
    { $date: "1970-01-01T00:00:00.000Z" },
    { $undefined: true },
    { $escaped: { $date: null } },
    { $escaped: { $escaped: { $escaped: new Date(0) } } },
    { $map: [[{ $set: [] }, { $bigint: "1" }]] },
    { $unknown: new Date(0) },
    { $: 1 },
  ];
  for (const data of imitations) {
    assert(isSame(throughText(data), data), JSON.stringify(data));
    assert(isSame(throughText([encode(data)]), [encode(data)]), JSON.stringify(data));
  }
  assertEquals(encode({ $date: 1n }), { $escaped: { $date: { $bigint: "1" } } });
  assertEquals(encode({ $date: 1, $map: 2 }), { $date: 1, $map: 2 });
});

Deno.test("a stored tag that is unknown is data, and what is in it is decoded", () => {
  const plain = { $ref: "#/a" };
  assertStrictEquals<unknown>(decode(plain), plain);
  assertEquals(decode({ $ref: [{ $bigint: "1" }] }), { $ref: [1n] });
});

Deno.test("__proto__ and constructor are keys like any other", () => {
  for (const value of [{ polluted: true }, new Date(0), "\0", undefined]) {
    for (const data of [withProto(value), { ...withProto(value), "\0": 1, "~": value }]) {
      const restored = throughText(data) as object;
      assert(isSame(restored, data));
      assertStrictEquals(Object.getPrototypeOf(restored), Object.prototype);
      assert(Object.hasOwn(restored, "__proto__") && Object.hasOwn(restored, "constructor"));
    }
  }
  assertFalse("polluted" in {});
});

Deno.test("__proto__ is a key also where assigning to it sets the prototype, unlike in Deno", () => {
  const accessor = { configurable: true, get: () => Object.prototype, set: () => fail() };
  const restore = replaced(Object.prototype, "__proto__", accessor);
  try {
    const data = Object.fromEntries([["__proto__", 1n], ["a", 1], ["b", 2n]]);
    const late = Object.fromEntries([["a", 1n], ["__proto__", { polluted: true }]]);
    for (const value of [data, late]) assert(isSame(throughText(value), value));
  } finally {
    restore();
  }
});

Deno.test("an object without a prototype comes back as a plain one", () => {
  const bare = Object.assign(Object.create(null), { when: new Date(0) });
  assert(isSame(throughText(bare), { when: new Date(0) }));
});

Deno.test("a value that occurs twice is no cycle", () => {
  const shared = { at: new Date(0) };
  const state = { a: shared, b: [shared, shared], c: new Map([[shared, shared]]) };
  assert(isSame(throughText(state), state));
});

Deno.test("toJSON is never called", () => {
  const original = Date.prototype.toJSON;
  Date.prototype.toJSON = () => "called";
  try {
    assertEquals(throughText({ at: new Date(0), toJSON: "data" }), {
      at: new Date(0),
      toJSON: "data",
    });
  } finally {
    Date.prototype.toJSON = original;
  }
});

Deno.test("what is frozen is stored, and properties that are not enumerable are left out", () => {
  const frozen = Object.freeze({ list: Object.freeze([1, Object.freeze({ n: 1n })]) });
  assertEquals(throughText(frozen), { list: [1, { n: 1n }] });
  const hidden = Object.defineProperty({ a: 1n }, "hidden", { get: () => 1 });
  assertEquals(throughText(hidden), { a: 1n });
});

Deno.test("a megabyte of bytes or text comes back", () => {
  const bytes = new Uint8Array(1 << 20).map((_, index) => index * 31);
  const text = '\u{1f600}\\u0000"'.repeat(100_000);
  for (const value of [text, `${text}\0\ud800`]) assertStrictEquals(throughText(value), value);
  assert(isSame(throughText(bytes), bytes));
});

Deno.test("bytes have one stored form, with and without the engine's own base64", () => {
  const samples = [0, 1, 2, 3, 0x8000, 100_001].map((length) =>
    new Uint8Array(length).map((_, index) => index * 7)
  );
  const native = samples.map((bytes) => encode(bytes));
  const restore = [replaced(Uint8Array.prototype, "toBase64"), replaced(Uint8Array, "fromBase64")];
  try {
    assertEquals(samples.map((bytes) => encode(bytes)), native);
    assert(isSame(native.map((stored) => decode(stored)), samples));
  } finally {
    for (const undo of restore) undo();
  }
});

/** Puts a property in place of another one, or nothing; gives back what undoes it. */
function replaced(owner: object, name: string, property?: PropertyDescriptor): () => void {
  const original = Object.getOwnPropertyDescriptor(owner, name);
  const put = (present: PropertyDescriptor | undefined) =>
    present ? Object.defineProperty(owner, name, present) : Reflect.deleteProperty(owner, name);
  put(property);
  return () => put(original);
}

Deno.test("a key that JSON escapes comes back, whatever key was read at its place before", () => {
  const keys = ["\\", '"', "\n", "\t", "x\\", 'x"', "x\n", "é\\", "é\r", "a", ""];
  for (const before of keys) {
    for (const key of keys) {
      throughText({ first: 0, [before]: 0 });
      assertEquals(Object.keys(Object(throughText({ first: 0, [key]: 0 }))), ["first", key]);
    }
  }
});
