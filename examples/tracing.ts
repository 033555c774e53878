// A run as an OpenTelemetry trace, through Deno's own exporter.
// Run: deno task example tracing
import { definePipeline, END, unchecked } from "@firefly/pipeline";
import { withTracing } from "@firefly/pipeline/otel";
import { trace } from "@opentelemetry/api";

const tracer = trace.getTracer("example");

const release = definePipeline({
  name: "release",
  state: unchecked<{ version: string; url: string }>(),
  nodes: {
    build: {
      run: (_state, { attempt }) =>
        // A span of the node's own attaches below that of its task, as those of fetch do.
        tracer.startActiveSpan("compile", (span) => {
          span.end();
          if (attempt === 1) throw new Error("out of memory");
        }),
      retry: { attempts: 2, delayMs: 10 },
    },
    publish: ({ version }) => ({ url: `https://example.com/${version}` }),
  },
  start: "build",
  edges: { build: "publish", publish: END },
}, withTracing());

const { status, state } = await release.invoke({ version: "1.2.0" });
console.log(`${status}: ${state.url}`);
if (Deno.env.get("OTEL_DENO") !== "true") {
  console.log("See its spans: OTEL_DENO=true OTEL_EXPORTER_OTLP_PROTOCOL=console");
  console.log(
    "Send them to a collector: OTEL_DENO=true OTEL_EXPORTER_OTLP_ENDPOINT=http://host:4318",
  );
}
