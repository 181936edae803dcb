import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { mintClientTicket, mintHostTicket, mintOpenTicket, ServerError } from "@fractal-punch/server";
import { TestClient, TestHost } from "./test-peers.ts";
import { at, secret, startSeconds, TestServer } from "./test-server.ts";

test("a ticket is what docs/protocol.md says", () => {
  const { username, password } = mintHostTicket(secret, "desk", 1_999_999_999);
  assert.equal(username, "1999999999:host/desk");
  assert.equal(password, createHmac("sha256", secret).update(username).digest("base64url"));
});

test("tickets that are minted are taken", () => {
  const server = new TestServer({ access: "open" });
  const expirySeconds = startSeconds + 1000;
  for (const ticket of [mintHostTicket(secret, "desk", expirySeconds), mintOpenTicket(expirySeconds)]) {
    const host = new TestHost(server, at("198.51.100.7:5000"), ticket);
    host.registered(host.register());
    const client = new TestClient(server, mintClientTicket(secret, host.hostId, expirySeconds));
    client.connected(client.connect());
  }
});

test("names and host ids that are none are refused", () => {
  for (const name of ["", "Desk", "a".repeat(33), "a/b"]) {
    assert.throws(() => mintHostTicket(secret, name, 1_999_999_999), ServerError);
  }
  for (const hostId of ["", "a".repeat(51), "1".repeat(52)]) {
    assert.throws(() => mintClientTicket(secret, hostId, 1_999_999_999), ServerError);
  }
});
