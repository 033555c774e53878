import {
  append,
  definePipeline,
  END,
  type PipelineOptions,
  send,
  unchecked,
} from "@firefly/pipeline";
import { setTimeout as delay } from "node:timers/promises";
import type { Journal } from "./journal.ts";
import { functionName, moduleText } from "./module_text.ts";
import { splitRequirements, type WorkItem } from "./requirements.ts";

/** The state that all nodes share. */
export interface Build {
  readonly requirements: string;
  readonly items: readonly WorkItem[];
  /** The one item that a developer was sent; nobody else sees it. */
  readonly item: WorkItem;
  readonly modules: readonly string[];
  readonly deployed: readonly string[];
  readonly verdict: "PASS" | "FAIL";
  readonly findings: readonly string[];
}

/** Turns a requirements document into modules in `folder`/src and deploys them to `folder`/dist. */
export function softwareFactory(
  folder: string,
  journal: Journal,
  options: PipelineOptions<Build>,
) {
  return definePipeline({
    name: "software-factory",
    state: unchecked<Build>(),
    reducers: { modules: append },
    nodes: {
      architect: async ({ requirements }, context) => {
        const items = splitRequirements(requirements);
        if (items.length === 0) throw new Error("the document has no requirements");
        await journal.note(context, `${items.length} work items`);
        return { items };
      },

      developer: async ({ item, items }, context) => {
        const module = `${item.id}.ts`;
        await delay(thinkingTime(item), undefined, { signal: context.signal });
        await Deno.writeTextFile(`${folder}/src/${module}`, moduleText(item));
        await journal.note(context, `${context.visit}/${items.length} ${item.title}`, [module]);
        return { modules: module };
      },

      deployer: async ({ modules }, context) => {
        await refuseWhileClosed(`${folder}/dist`);
        for (const module of modules) {
          await Deno.copyFile(`${folder}/src/${module}`, `${folder}/dist/${module}`);
        }
        const index = modules.map((module) => `export * from "./${module}";\n`).join("");
        await Deno.writeTextFile(`${folder}/dist/mod.ts`, index);
        await journal.note(context, `${modules.length} modules and mod.ts`);
        return { deployed: [...modules, "mod.ts"] };
      },

      evaluator: async ({ items, deployed }, context) => {
        const findings: string[] = [];
        for (const { id, title } of items) {
          const isDeployed = deployed.includes(`${id}.ts`);
          const text = isDeployed ? await Deno.readTextFile(`${folder}/dist/${id}.ts`) : "";
          if (!text.includes(title)) findings.push(`"${title}" is missing or empty`);
          if (!text.includes(`function ${functionName(id)}(`)) {
            findings.push(`"${title}" has no code`);
          }
        }
        const verdict = findings.length === 0 ? "PASS" : "FAIL";
        await journal.note(context, `${verdict}: ${items.length} requirements checked`);
        return { verdict, findings };
      },
    },
    start: "architect",
    edges: {
      architect: {
        route: ({ items }) => items.map((item) => send("developer", { item })),
        to: ["developer"],
      },
      developer: "deployer",
      deployer: "evaluator",
      evaluator: END,
    },
  }, { concurrency: 3, ...options });
}

/** Stands for the minutes that a person or a model would take. */
function thinkingTime({ text }: WorkItem): number {
  return 60 + text.length % 60;
}

async function refuseWhileClosed(target: string): Promise<void> {
  try {
    const notice = await Deno.readTextFile(`${target}/MAINTENANCE`);
    throw new Error(`deployment target not reachable: 503 Service Unavailable (${notice})`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
