/** One requirement of the document, to be built and accepted on its own. */
export interface WorkItem {
  readonly id: string;
  readonly title: string;
  readonly section: string;
  readonly text: string;
  readonly acceptance: string;
}

const HEADING = /^#+ (?<section>.+)$/;
const ITEM =
  /^(?:\d+\.|[-*]) \*\*(?<title>.+?)\.?\*\* (?<text>.+?)(?: Accepted when (?<acceptance>.+))?$/;

/** Every list item with a bold title is a work item; a "## Heading" begins a section. */
export function splitRequirements(document: string): WorkItem[] {
  const items: WorkItem[] = [];
  let section = "";
  for (const block of document.split(/\n(?=\s*\n|#+ |\d+\. |[-*] )/)) {
    const line = block.replace(/\s+/g, " ").trim();
    section = HEADING.exec(line)?.groups?.section ?? section;
    const { title, text = "", acceptance = "it works as described." } = ITEM.exec(line)?.groups ??
      {};
    if (title === undefined) continue;
    items.push({ id: title.toLowerCase().replace(/\W+/g, "_"), title, section, text, acceptance });
  }
  return items;
}
