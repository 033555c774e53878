// Durable runs behind a small web service, for Deno Deploy and anywhere else; see docs/deploy.md.
// Run: DATABASE_URL=postgresql://… deno serve --allow-net --allow-env examples/deploy.ts
// It lets in whoever reaches it: put your own authentication in front.
import {
  CheckpointConflictError,
  CheckpointLoadError,
  CheckpointSaveError,
  InputValidationError,
  type RunEvent,
  RunExistsError,
  RunNotFoundError,
  RunPausedError,
  StalePauseError,
} from "@firefly/pipeline";
import { PostgresCheckpointer, PostgresError } from "@firefly/pipeline/postgres";
import { z } from "zod";
import { PAGE } from "./deploy/page.ts";
import { articlePipeline } from "./deploy/pipeline.ts";

const articles = articlePipeline({
  checkpointer: new PostgresCheckpointer({
    // What the URL leaves out comes from PGHOST, PGUSER and so on.
    url: Deno.env.get("DATABASE_URL") || "postgresql://",
    retryForMs: 5_000, // a client waits for the answer meanwhile
  }),
});

class BadRequestError extends Error {}

const HTML = { headers: { "content-type": "text/html; charset=utf-8" } };

type Handler = (request: Request, url: URL, runId: string) => Response | Promise<Response>;
type Route = readonly [method: string, pattern: URLPattern, handler: Handler];

const ROUTES: readonly Route[] = [
  ["GET", new URLPattern({ pathname: "/" }), () => new Response(PAGE, HTML)],
  ["POST", new URLPattern({ pathname: "/runs" }), start],
  ["GET", new URLPattern({ pathname: "/runs" }), list],
  ["GET", new URLPattern({ pathname: "/runs/:id" }), show],
  ["POST", new URLPattern({ pathname: "/runs/:id/approve" }), approve],
  ["POST", new URLPattern({ pathname: "/runs/:id/resume" }), resume],
];

/** Whoever sends the same Idempotency-Key again gets a 409 and the location of the first run. */
async function start(request: Request): Promise<Response> {
  const runId = request.headers.get("idempotency-key") || crypto.randomUUID();
  const input = await readJson(request);
  return await accepted(runId, articles.stream({ input, runId }));
}

const Filter = z.enum(["running", "paused", "failed", "completed", "cancelled"]).optional();

async function list(_request: Request, { searchParams }: URL): Promise<Response> {
  const status = checked(Filter, searchParams.get("status") ?? undefined);
  return Response.json(await Array.fromAsync(articles.listRuns({ status, limit: 100 })));
}

async function show(_request: Request, _url: URL, runId: string): Promise<Response> {
  for await (const latest of articles.history(runId)) {
    const { status, state, pauses, completedNodes, savedAt } = latest;
    const failures = latest.failures.map(({ node, error }) => ({ node, message: error.message }));
    return Response.json({ runId, status, state, pauses, completedNodes, failures, savedAt });
  }
  throw new RunNotFoundError({ pipelineName: articles.name, runId }, "show");
}

const Approval = z.strictObject({
  pauseId: z.string().optional(),
  by: z.string().optional(),
  update: z.strictObject({ note: z.string() }).optional(),
});

async function approve(request: Request, _url: URL, runId: string): Promise<Response> {
  const approval = checked(Approval, await readJson(request));
  const events = articles.stream({ resume: runId, approvePause: true, ...approval });
  return await accepted(runId, events);
}

/** For runs that failed, or whose process died; one that is at work elsewhere is taken over. */
async function resume(_request: Request, _url: URL, runId: string): Promise<Response> {
  return await accepted(runId, articles.stream({ resume: runId }));
}

/** Answers as soon as what was asked for is stored; the run goes on in the background. */
async function accepted(runId: string, events: ReadableStream<RunEvent>): Promise<Response> {
  const stored = Promise.withResolvers<void>();
  const write = ({ type }: RunEvent) => {
    if (type === "checkpointSaved") stored.resolve();
  };
  const ended = events.pipeTo(new WritableStream({ write }));
  await Promise.race([stored.promise, ended]); // throws what goes wrong before that
  // Nobody waits for what comes after it; the run stands at its last checkpoint, to be resumed.
  ended.catch((error: Error) => console.error(error.message));
  return Response.json({ runId }, { status: 202, headers: { location: locationOf(runId) } });
}

function locationOf(runId: string): string {
  return `/runs/${encodeURIComponent(runId)}`;
}

async function readJson(request: Request): Promise<unknown> {
  const text = await request.text();
  try {
    return JSON.parse(text || "{}");
  } catch (cause) {
    throw new BadRequestError("The body must be JSON", { cause });
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const { data, error } = schema.safeParse(value);
  if (error) throw new BadRequestError(z.prettifyError(error), { cause: error });
  return data;
}

function statusOf(error: unknown): number {
  const isA = (...types: readonly (new (...args: never[]) => Error)[]) =>
    types.some((type) => error instanceof type);
  if (isA(BadRequestError, InputValidationError, URIError)) return 400;
  if (isA(RunNotFoundError)) return 404;
  if (isA(RunPausedError, StalePauseError, RunExistsError, CheckpointConflictError)) return 409;
  if (isA(PostgresError, CheckpointLoadError, CheckpointSaveError)) return 503;
  return 500;
}

function failed(error: unknown): Response {
  const status = statusOf(error);
  if (status >= 500) console.error(error);
  const message = status < 500 && error instanceof Error ? error.message : "See the log";
  const headers = new Headers();
  if (error instanceof RunExistsError) headers.set("location", locationOf(error.runId));
  return Response.json({ error: message }, { status, headers });
}

async function fetch(request: Request): Promise<Response> {
  const url = new URL(request.url);
  for (const [method, pattern, handler] of ROUTES) {
    const match = pattern.exec(url.href);
    if (match === null || method !== request.method) continue;
    try {
      return await handler(request, url, decodeURIComponent(match.pathname.groups.id ?? ""));
    } catch (error) {
      return failed(error);
    }
  }
  const routes = ROUTES.map(([method, { pathname }]) => `${method} ${pathname}`);
  return Response.json({ error: "There is nothing here", routes }, { status: 404 });
}

export default { fetch } satisfies Deno.ServeDefaultExport;
