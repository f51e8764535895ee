/** The spec reporter, with one closing line for people and for CI: `N passed, N failed[, N skipped]`. */
import { spec as Spec } from "node:test/reporters";
import type { TestEvent } from "node:test/reporters";

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const spec = new Spec();
  const lines: string[] = [];
  spec.on("data", (chunk: Buffer) => lines.push(chunk.toString()));
  for await (const event of source) {
    if (event.type === "test:pass" || event.type === "test:fail") {
      // A file or a suite is not a test of its own, unless it fails by itself (an import error, say).
      const suite = event.data.details.type === "suite";
      if (event.data.skip !== undefined || event.data.todo !== undefined) counts.skipped += 1;
      else if (event.type === "test:fail") counts.failed += suite ? 0 : 1;
      else if (!suite) counts.passed += 1;
    }
    spec.write(event);
    yield* lines.splice(0);
  }
  spec.end();
  await new Promise<void>((resolve) => {
    spec.once("end", resolve);
    spec.resume();
  });
  yield* lines.splice(0);
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  yield `\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`;
}
