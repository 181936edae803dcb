/** What went wrong, as people and programs are told, and the exit code that stands for it. */
import { PunchError, punchErrors } from "@fractal-punch/peer";
import { ServerError } from "@fractal-punch/server";
import { CommanderError } from "commander";

const usageCode = 2;
const unforeseenCode = 1;

/** Says it on stderr, or with `json` as an "error" event on stdout; gives the exit code. */
export function reportFailure(error: unknown, json: boolean): number {
  // Help and version end as errors of commander with the code 0; its faults have been told by then.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageCode;
  const { code, message, exitCode } = describedFailure(error);
  // Who pressed Ctrl-C knows.
  if (code === "ABORTED" && !json) return exitCode;
  if (json) process.stdout.write(`${JSON.stringify({ event: "error", code, message })}\n`);
  else process.stderr.write(`fractal-punch: ${message} (${code})\n`);
  return exitCode;
}

function describedFailure(error: unknown): { code: string; message: string; exitCode: number } {
  if (error instanceof PunchError)
    return { code: error.code, message: error.message, exitCode: punchErrors[error.code].exitCode };
  if (error instanceof ServerError) return { code: error.code, message: error.message, exitCode: usageCode };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    code: "UNFORESEEN",
    message: `This should not happen; please report it: ${message}`,
    exitCode: unforeseenCode,
  };
}
