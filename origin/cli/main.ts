import { runCommandLine } from "./command-line.ts";

// Nothing that Burrow writes is anybody else's business.
process.umask(0o077);

const args = process.argv.slice(2);
process.exitCode = await runCommandLine(args, ({ exitCode, message }) => {
  if (args.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ error: exitCode === 2 ? "usage" : "failed", message })}\n`);
  } else process.stderr.write(`burrow: ${message}\n`);
});
