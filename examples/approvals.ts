// A refund that a person approves, with an answer, or rejects. Run: deno task example approvals
import { definePipeline, END, MemoryCheckpointer, pause, unchecked } from "@firefly/pipeline";
import { z } from "zod";

const refunds = definePipeline({
  name: "refunds",
  state: unchecked<{ order: string; amount: number; paid: number; note: string }>(),
  nodes: {
    review: {
      run: ({ order, amount }) =>
        pause(`Refund order ${order}?`, { payload: { amount }, expiresInMs: 7 * 86_400_000 }),
      // What comes with a yes is checked before anything goes on.
      answer: z.object({ amount: z.number().positive() }),
    },
    pay: (_, { answer }) => ({ paid: z.object({ amount: z.number() }).parse(answer).amount }),
    explain: ({ order }) => ({ note: `No refund for ${order}` }),
  },
  start: "review",
  edges: {
    review: { route: () => "pay", to: ["pay"], rejected: "explain" },
    pay: END,
    explain: END,
  },
}, { checkpointer: new MemoryCheckpointer() });

await refunds.invoke({ order: "A-1", amount: 90 }, { runId: "a" });
await refunds.invoke({ order: "B-2", amount: 15 }, { runId: "b" });
for await (const { runId, pauses } of refunds.listRuns({ status: "paused" })) {
  for (const { reason, payload } of pauses) console.log(runId, reason, JSON.stringify(payload));
}

const wrong = { approvePause: true, answer: { amount: -1 } } as const;
await refunds.resume("a", wrong).catch((error) => console.log(error.name));
const yes = await refunds.resume("a", { approvePause: true, answer: { amount: 60 }, by: "ana" });
const no = await refunds.reject("b", { by: "ben", reason: "used for a year" });
console.log(`paid ${yes.state.paid}; ${no.state.note}`);

for await (const { resume } of refunds.history("b")) {
  if (resume !== undefined) console.log(`${resume.by} said no: ${resume.reason}`);
}
