import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { decode, encode, type Json, StateSerializationError } from "../pipeline/codec.ts";

class Money {
  amount = 1;
}

function refusalOf(value: unknown): StateSerializationError {
  return assertThrows(() => encode(value), StateSerializationError);
}

function assertRefused(value: unknown, path: string, reason: string): void {
  const error = refusalOf(value);
  assertEquals(error.path, path);
  assert(error.message.startsWith(`Cannot store ${path}: ${reason}`), error.message);
}

Deno.test("the message says what is where and what to do", () => {
  const error = refusalOf({ items: [0, 1, 2, { price: () => 1 }] });
  assertEquals(error.name, "StateSerializationError");
  assertEquals(
    error.message,
    "Cannot store state.items[3].price: a function has no stored form; " +
      "keep data only, or convert it before returning it from a node",
  );
});

Deno.test("a path reads as code that leads to the value, from any root", () => {
  const bad = Symbol("bad");
  const paths: [value: unknown, path: string][] = [
    [bad, "state"],
    [{ a: { b: bad } }, "state.a.b"],
    [{ größe: bad }, "state.größe"],
    [{ "a b": bad }, 'state["a b"]'],
    [{ "": bad }, 'state[""]'],
    [{ "0": bad }, 'state["0"]'],
    [{ "a\0\ud800": bad }, 'state["a\\u0000\\ud800"]'],
    [Object.fromEntries([["__proto__", bad]]), "state.__proto__"],
    [[[], [1, bad]], "state[1][1]"],
    [{ m: new Map([["k", [bad]]]) }, 'state.m.get("k")[0]'],
    [{ m: new Map([[7, bad]]) }, "state.m.get(7)"],
    [{ m: new Map([[7n, bad]]) }, "state.m.get(7n)"],
    [{ m: new Map<unknown, unknown>([[{}, 1], [{}, bad]]) }, "state.m.values()[1]"],
    [{ m: new Map<unknown, unknown>([["a", 1], [bad, 1]]) }, "state.m.keys()[1]"],
    [{ s: new Set([1, { a: bad }]) }, "state.s.values()[1].a"],
    [{ $date: { x: bad } }, "state.$date.x"],
  ];
  for (const [value, path] of paths) {
    assertRefused(value, path, "a symbol has no stored form");
    const error = assertThrows(() => encode(value, "input.x"), StateSerializationError);
    assertEquals(error.path, path.replace("state", "input.x"));
  }
});

Deno.test("instances of classes are refused by name", () => {
  const instances: [value: object, name: string][] = [
    [new Money(), "Money"],
    [new (class SpecialDate extends Date {})(), "SpecialDate"],
    [new (class Bag extends Map {})(), "Bag"],
    [new (class Unique extends Set {})(), "Unique"],
    [new (class List extends Array {})(), "List"],
    [new (class Chunk extends Uint8Array {})(), "Chunk"],
    [new (class Link extends URL {})("https://example.org"), "Link"],
    [new TypeError("no"), "TypeError"],
    [/a/, "RegExp"],
    [new String("a"), "String"],
    [Object(1n), "BigInt"],
    [Promise.resolve(), "Promise"],
    [new WeakMap(), "WeakMap"],
    [new ArrayBuffer(1), "ArrayBuffer"],
    [new DataView(new ArrayBuffer(1)), "DataView"],
    [new Uint8ClampedArray(1), "Uint8ClampedArray"],
    [new Float64Array(1), "Float64Array"],
    [new Headers(), "Headers"],
  ];
  for (const [value, name] of instances) {
    assertRefused({ a: [value] }, "state.a[0]", `an instance of ${name} has no stored form`);
  }
});

Deno.test("other things that are no plain data are refused", () => {
  const reason = "an object with a prototype of its own has no stored form";
  assertRefused({ a: Object.create({ inherited: 1 }) }, "state.a", reason);
  assertRefused({ a: Object.setPrototypeOf([1], null) }, "state.a", reason);
  assertRefused({ a: new (class {})() }, "state.a", reason);
  assertRefused({ a: [1].values() }, "state.a", reason);
  assertRefused({ a: Math }, "state.a[Symbol(Symbol.toStringTag)]", "a symbol key");
  assertRefused({ f: async () => {} }, "state.f", "a function");
  assertRefused({ f: Money }, "state.f", "a function");
});

Deno.test("symbol keys are refused on everything that could have them", () => {
  const key = Symbol("key");
  const holders = [
    {},
    [],
    new Map(),
    new Set(),
    new Date(),
    new Uint8Array(2),
    new Uint8Array(5_000),
  ];
  for (const holder of holders) {
    Object.assign(holder, { [key]: 1 });
    assertRefused({ a: holder }, "state.a[Symbol(key)]", "a symbol key has no stored form");
  }
});

Deno.test("properties added to arrays and built-ins are refused", () => {
  const holders = [[1, 2], [], new Map(), new Set(), new Date(), new Uint8Array(2), new URL("a:")];
  for (const holder of holders) {
    Object.assign(holder, { extra: 1 });
    const reason = `a property added to an instance of ${holder.constructor.name}`;
    assertRefused({ a: holder }, "state.a.extra", reason);
  }
  assertRefused(/(.)/.exec("x"), "state.index", "a property added to an instance of Array");
});

Deno.test("getters and setters are refused and not called", () => {
  let calls = 0;
  const accessor = {
    enumerable: true,
    get: () => calls++,
  };
  const reason = "a getter or setter is no data";
  assertRefused(Object.defineProperty({}, "a", accessor), "state.a", reason);
  assertRefused(Object.defineProperty([1, 2], 1, accessor), "state[1]", reason);
  assertRefused(Object.defineProperty({}, "a", { enumerable: true, set() {} }), "state.a", reason);
  assertRefused(Object.defineProperty([1], 0, { enumerable: true, set() {} }), "state[0]", reason);
  assertRefused(Object.defineProperty({ t: 1n }, "u", accessor), "state.u", reason);
  assertRefused(Object.defineProperty([1n, 2], 1, accessor), "state[1]", reason);
  assertEquals(calls, 0);
});

Deno.test("holes in arrays are refused, undefined is not", () => {
  // deno-lint-ignore no-sparse-arrays
  assertRefused([1, , 3], "state[1]", "a hole in an array has no stored form");
  assertRefused({ a: new Array(4_000_000_000) }, "state.a[0]", "a hole in an array");
  assertEquals(encode([undefined]), [{ $undefined: true }]);
});

Deno.test("a cycle is refused where it closes", () => {
  const state: Record<string, unknown> = { name: "a" };
  state.items = [1, { parent: state }];
  assertRefused(state, "state.items[1].parent", "it is state again, and a cycle");
  const map = new Map<string, unknown>();
  map.set("me", [map]);
  assertRefused({ map }, 'state.map.get("me")[0]', "it is state.map again, and a cycle");
  const set = new Set<unknown>();
  set.add(set);
  assertRefused([set], "state[0].values()[0]", "it is state[0] again, and a cycle");
});

Deno.test("1,000 levels are stored and read again, more are refused", () => {
  const wrappers: ((value: unknown) => unknown)[] = [
    (value) => ({ next: value }),
    (value) => [value],
    (value) => new Map([["k", value]]),
    (value) => new Set([value]),
    (value) => ({ "\0": value }),
    (value) => ({ $map: value }),
  ];
  for (const wrap of wrappers) {
    const nested = (levels: number) => {
      let value: unknown = 0;
      for (let level = 0; level < levels; level++) value = wrap(value);
      return value;
    };
    const text = JSON.stringify(encode(nested(1_000)));
    assertEquals(JSON.stringify(encode(decode(JSON.parse(text)))), text);
    for (const levels of [1_001, 100_000]) {
      const error = refusalOf(nested(levels));
      assert(error.message.includes("it is more than 1000 levels deep"), error.message);
      assert(error.message.length < 1_000);
    }
  }
});

Deno.test("JSON of others, nested beyond the stack, is refused by name too", () => {
  const json: Json = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
  const error = assertThrows(
    () => decode(json),
    StateSerializationError,
    "Cannot restore state[0]",
  );
  assertInstanceOf(error.cause, RangeError);
});

Deno.test("what cannot even be read is refused, with the cause", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const impostors = [proxy, Object.create(Date.prototype), Object.create(Map.prototype)];
  for (const impostor of impostors) {
    const error = refusalOf({ a: impostor });
    assertEquals(error.path, "state.a");
    assertInstanceOf(error.cause, TypeError);
  }
});

Deno.test("a tag with content that was not written by the codec is refused when read", () => {
  const foreign: [stored: Json, path: string][] = [
    [{ $undefined: false }, "state.a"],
    [{ $number: "1" }, "state.a"],
    [{ $number: NaN }, "state.a"],
    [{ $bigint: 1 }, "state.a"],
    [{ $bigint: "0x10" }, "state.a"],
    [{ $bigint: "" }, "state.a"],
    [{ $text: "no JSON" }, "state.a"],
    [{ $text: "1" }, "state.a"],
    [{ $date: "yesterday" }, "state.a"],
    [{ $date: "2026-01-31" }, "state.a"],
    [{ $date: 0 }, "state.a"],
    [{ $url: "no url" }, "state.a"],
    [{ $url: null }, "state.a"],
    [{ $bytes: "*" }, "state.a"],
    [{ $bytes: [1] }, "state.a"],
    [{ $set: {} }, "state.a"],
    [{ $map: { k: 1 } }, "state.a"],
    [{ $map: [["k", 1, 2]] }, "state.a.keys()[0]"],
    [{ $map: [["k", { $date: 1 }]] }, 'state.a.get("k")'],
    [{ $set: [0, { $date: 1 }] }, "state.a.values()[1]"],
    [{ $entries: [["k"]] }, "state.a[0]"],
    [{ $entries: [[1, 2]] }, "state.a[0]"],
    [{ $entries: [["k", { $date: 1 }]] }, "state.a.k"],
    [{ $escaped: 1 }, "state.a"],
    [{ $escaped: [1] }, "state.a"],
    [{ $escaped: { a: 1 } }, "state.a"],
    [{ $escaped: { $a: 1, $b: 2 } }, "state.a"],
    [{ $escaped: { $date: { $date: 1 } } }, "state.a.$date"],
  ];
  for (const [stored, path] of foreign) {
    const error = assertThrows(() => decode({ a: stored }), StateSerializationError);
    assertEquals(error.path, path, JSON.stringify(stored));
    assert(error.message.startsWith(`Cannot restore ${path}: what is under $`), error.message);
    assert(error.message.includes(" was not written by this codec; "), error.message);
  }
});
