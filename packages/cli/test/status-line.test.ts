import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusLine } from "../dist/status-line.js";

const clear = "\r\u001b[2K";

test("the line is rewritten in place, makes room for lines that stay, and is gone at the end", () => {
  const { line, written } = terminal(80);
  let text = "one";
  line.show(() => text);
  text = "two";
  line.draw();
  line.clear();
  line.draw();
  line.end();
  line.draw();
  assert.deepEqual(written, [`${clear}one`, `${clear}two`, clear, `${clear}two`, clear]);
});

test("a line that is longer than the terminal is wide is cut, so that it does not wrap", () => {
  const { line, written } = terminal(30);
  line.show(() => "0123456789".repeat(4));
  assert.equal(written[0], `${clear}${"0123456789".repeat(2)}01234567…`);
  line.end();
});

function terminal(columns: number): { line: StatusLine; written: string[] } {
  const written: string[] = [];
  const write = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
  return { line: new StatusLine({ columns, write }), written };
}
