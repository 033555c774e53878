// A support agent: a branch, a cycle of draft and review with a limit, and a person who approves.
// Each node stands where a model would be asked. Run: deno task example support_agent
import {
  append,
  definePipeline,
  END,
  MemoryCheckpointer,
  pause,
  unchecked,
} from "@firefly/pipeline";

interface Ticket {
  readonly customer: string;
  readonly message: string;
  readonly topic: "refund" | "question" | "legal";
  readonly draft: string;
  readonly drafts: number;
  /** What reviews found missing, oldest first. */
  readonly remarks: readonly string[];
  readonly isGood: boolean;
  readonly isApproved: boolean;
  readonly outcome: string;
}

const MOST_DRAFTS = 3;

/** What the agent knows to write. It has nothing to say about "answer the question". */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ["apologise", "We are sorry."],
  ["name a day", "Your money is back by Friday."],
]);

const agent = definePipeline({
  name: "support-agent",
  state: unchecked<Ticket>(),
  reducers: { remarks: append },
  nodes: {
    classify: ({ message }) => {
      if (/lawyer|court/i.test(message)) return { topic: "legal" };
      return { topic: /broken|money/i.test(message) ? "refund" : "question" };
    },
    draft: ({ customer, drafts, remarks }) => {
      const sentences = remarks.flatMap((remark) => KNOWN.get(remark) ?? []);
      const draft = [`Dear ${customer}, thank you for writing.`, ...sentences].join(" ");
      return { draft, drafts: drafts + 1 };
    },
    review: ({ topic, draft }) => {
      const wanted = topic === "refund" ? ["apologise", "name a day"] : ["answer the question"];
      const missing = wanted.find((remark) => !draft.includes(KNOWN.get(remark) ?? "an answer"));
      return { isGood: missing === undefined, remarks: missing };
    },
    approval: ({ draft }) => pause(`Send "${draft}"?`),
    send: ({ customer }) => ({ outcome: `sent to ${customer}` }),
    escalate: ({ topic }) => ({ outcome: `handed to a person (${topic})` }),
  },
  start: "classify",
  edges: {
    classify: {
      route: ({ topic }) => topic === "legal" ? "delicate" : "everyday",
      to: { delicate: "escalate", everyday: "draft" },
    },
    draft: "review",
    review: {
      route: ({ isGood, drafts }) => isGood ? "good" : drafts < MOST_DRAFTS ? "again" : "given up",
      to: { good: "approval", again: "draft", "given up": "escalate" },
    },
    approval: {
      route: ({ isApproved }) => isApproved ? "yes" : "no",
      to: { yes: "send", no: "escalate" },
    },
    send: END,
    escalate: END,
  },
}, { checkpointer: new MemoryCheckpointer() });

const inbox = [
  { customer: "Ana", message: "The drill came broken. I want my money back." },
  { customer: "Ben", message: "My lawyer will write to you next." },
  { customer: "Chris", message: "Will it fit a chuck of 1923?" },
];

for (const { customer, message } of inbox) {
  console.log(`\n${customer}: ${message}`);
  let result = await agent.invoke({ customer, message, drafts: 0, remarks: [] });
  if (result.status === "paused") {
    const [waiting] = result.pauses;
    console.log(`  paused     ${result.completedNodes.join(" > ")}`);
    console.log(`  asks       ${waiting?.reason}`);
    // Hours may pass here. With a FileCheckpointer this could be another process.
    console.log("  Bo         approves");
    result = await agent.resume(result.runId, {
      approvePause: true,
      update: { isApproved: true },
      by: "Bo",
    });
  }
  console.log(`  ${result.status.padEnd(9)}  ${result.completedNodes.join(" > ")}`);
  console.log(`  outcome    ${result.state.outcome}`);
}

console.log(`\n${agent.toMermaid()}`);
