import { FileCheckpointer } from "../backends/file.ts";
import { checkpointerSuite } from "./checkpointer_suite.ts";

checkpointerSuite("file", {
  async open() {
    const root = await Deno.makeTempDir();
    const again = () => new FileCheckpointer(root);
    return {
      checkpointer: again(),
      again,
      close: () => Deno.remove(root, { recursive: true }),
    };
  },
});
