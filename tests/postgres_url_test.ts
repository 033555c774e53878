import { assertEquals, assertThrows } from "@std/assert";
import { parseUrl, withEnvironment } from "../backends/postgres_url.ts";

const connection = { attempts: 0 };

Deno.test("a URL says where to connect, as whom, and to what", () => {
  assertEquals<unknown>(
    parseUrl("postgresql://us%40er:p%2Fw%3A@db.example.com:6432/my%20runs?application_name=app"),
    {
      connection,
      hostname: "db.example.com",
      host_type: "tcp",
      port: "6432",
      user: "us@er",
      password: "p/w:",
      database: "my runs",
      applicationName: "app",
    },
  );
  assertEquals<unknown>(parseUrl(new URL("postgres://localhost")), {
    connection,
    hostname: "localhost",
    host_type: "tcp",
  });
});

Deno.test("what a URL leaves out is left to the environment", () => {
  for (const url of ["postgresql://", "postgresql:///"]) {
    assertEquals<unknown>(parseUrl(url), { connection });
  }
});

Deno.test("a host may be an IPv6 address, or the folder of a unix socket", () => {
  assertEquals(parseUrl("postgresql://u@[2001:db8::1]:5433/d").hostname, "2001:db8::1");
  for (
    const url of [
      "postgresql://u@%2Fvar%2Frun%2Fpostgresql/d",
      "postgresql://u@/d?host=/var/run/postgresql",
      "postgresql:///d?host=/var/run/postgresql&user=u&sslmode=require",
    ]
  ) {
    const { hostname, host_type, user, database, tls } = parseUrl(url);
    assertEquals(
      [hostname, host_type, user, database, tls],
      ["/var/run/postgresql", "socket", "u", "d", undefined],
    );
  }
});

Deno.test("parameters name the rest, and those that are unknown are left alone", () => {
  const { options, port, password, tls } = parseUrl(
    "postgresql://u@h/d?options=-c%20statement_timeout%3D5s&port=7&password=x&channel_binding=require",
  );
  assertEquals([options, port, password, tls], ["-c statement_timeout=5s", "7", "x", undefined]);
});

Deno.test("sslmode=require and stricter never allow plain text", () => {
  for (const mode of ["require", "verify-ca", "verify-full"]) {
    assertEquals(parseUrl(`postgresql://h/d?sslmode=${mode}`).tls, {
      enabled: true,
      enforce: true,
    });
  }
  assertEquals(parseUrl("postgresql://h/d?ssl=true").tls?.enforce, true);
  assertEquals(parseUrl("postgresql://h/d?sslmode=prefer").tls?.enforce, false);
  assertEquals(parseUrl("postgresql://h/d?sslmode=disable").tls?.enabled, false);
  assertThrows(() => parseUrl("postgresql://h/d?sslmode=requir"), TypeError, '"requir"');
});

Deno.test("PGSSLMODE counts where the URL says nothing", () => {
  const before = Deno.env.get("PGSSLMODE");
  try {
    Deno.env.set("PGSSLMODE", "require");
    assertEquals(withEnvironment(parseUrl("postgresql://h/d")).tls?.enforce, true);
    const own = withEnvironment(parseUrl("postgresql://h/d?sslmode=disable"));
    assertEquals(own.tls?.enabled, false);
    assertEquals(withEnvironment(parseUrl("postgresql:///d?host=/run")).tls, undefined);
    Deno.env.set("PGSSLMODE", "maybe");
    assertThrows(() => withEnvironment(parseUrl("postgresql://h/d")), TypeError, '"maybe"');
  } finally {
    if (before === undefined) Deno.env.delete("PGSSLMODE");
    else Deno.env.set("PGSSLMODE", before);
  }
});

Deno.test({
  name: "PGSSLMODE is not asked for where the environment may not be read",
  permissions: { env: false },
  fn() {
    assertEquals(withEnvironment(parseUrl("postgresql://h/d")).tls, undefined);
  },
});
