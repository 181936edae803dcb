import assert from "node:assert/strict";
import { test } from "node:test";
import { PunchError, punchErrors } from "../dist/errors.js";

test("an error has the code's sentence when it is given none, and its own otherwise", () => {
  const cause = new Error("beneath");
  const error = new PunchError("FOLDER", "The folder /x cannot be written.", cause);
  assert.equal(error.message, "The folder /x cannot be written.");
  assert.equal(error.cause, cause);
  assert.equal(new PunchError("CLOSED").message, punchErrors.CLOSED.sentence);
  assert.equal("cause" in new PunchError("CLOSED"), false);
  assert.equal(String(new PunchError("CLOSED")), `PunchError: ${punchErrors.CLOSED.sentence}`);
});
