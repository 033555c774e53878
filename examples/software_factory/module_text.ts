import type { WorkItem } from "./requirements.ts";

/** The module that a developer writes for a work item: a documented stub. */
export function moduleText({ title, section, text, acceptance, id }: WorkItem): string {
  return `/**
 * ${title} (${section})
 *
${comment(text)}
 *
${comment(`Accepted when ${acceptance}`)}
 */
export function ${functionName(id)}(): never {
  throw new Error(${JSON.stringify(`${title}: to be written`)});
}
`;
}

export function functionName(id: string): string {
  return id.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function comment(text: string): string {
  const lines = text.replaceAll("*/", "* /").match(/.{1,85}(?:\s|$)/g) ?? [];
  return lines.map((line) => ` * ${line.trim()}`).join("\n");
}
