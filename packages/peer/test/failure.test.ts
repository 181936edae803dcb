import assert from "node:assert/strict";
import { test } from "node:test";
import { connectError } from "../dist/failure.js";

const ticket = { username: "1900000000:host/office", password: "secret" };

test("a server that cannot be reached is said so with what TLS came to, and with what to do about another certificate", () => {
  const textOf = (tls?: string): string => {
    const failure = { kind: "server-unreachable", ...(tls !== undefined && { tls }) } as const;
    const { code, message } = connectError(failure, "punch.example.com (192.0.2.1)", ticket);
    assert.equal(code, "SERVER_UNREACHABLE");
    assert.match(message, /^The server punch\.example\.com \(192\.0\.2\.1\) does not answer\./);
    return message;
  };
  assert.doesNotMatch(textOf(), /\(TLS:/);
  assert.match(textOf("ECONNREFUSED"), /\(TLS: ECONNREFUSED\)\.$/);
  assert.match(textOf("CERTIFICATE"), /another certificate.*NODE_EXTRA_CA_CERTS.*new invite/);
});
