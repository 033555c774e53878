import { assertEquals } from "@std/assert";
import { parseUrl } from "../backends/redis_url.ts";

const common = { maxRetryCount: 0, noDelay: true };

Deno.test("a URL says where to connect, as whom, and to which database", () => {
  assertEquals<unknown>(parseUrl("redis://us%40er:p%2Fw%3A%25@redis.example.com:6380/12"), {
    ...common,
    hostname: "redis.example.com",
    port: 6380,
    tls: false,
    db: 12,
    username: "us@er",
    password: "p/w:%",
  });
});

Deno.test("what a URL leaves out is as everywhere", () => {
  for (const url of ["redis://localhost", "redis://localhost/", "redis://localhost:6379"]) {
    assertEquals<unknown>(parseUrl(url), {
      ...common,
      hostname: "localhost",
      port: 6379,
      tls: false,
    });
  }
  assertEquals(parseUrl("redis://").hostname, "localhost");
  assertEquals(parseUrl("redis:///3").db, 3);
  assertEquals(parseUrl(new URL("redis://h/0")).db, 0);
});

Deno.test("a password may stand alone", () => {
  const { username, password } = parseUrl("redis://:secret@h/0");
  assertEquals([username, password], [undefined, "secret"]);
});

Deno.test("rediss:// is redis:// over TLS", () => {
  const { tls, hostname, port } = parseUrl("rediss://redis.example.com:6390/0");
  assertEquals([tls, hostname, port], [true, "redis.example.com", 6390]);
});

Deno.test("a host may be an IPv6 address", () => {
  const { hostname, port } = parseUrl("redis://[2001:db8::1]:6380/0");
  assertEquals([hostname, port], ["2001:db8::1", 6380]);
});

Deno.test("the database may be a parameter", () => {
  assertEquals(parseUrl("redis://h?db=4").db, 4);
  assertEquals(parseUrl("redis://h/2?db=4").db, 2);
});
