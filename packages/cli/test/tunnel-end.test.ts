import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "@fractal-punch/peer";
import { sendOrLose, TunnelEnd } from "../dist/tunnel-end.js";

test("a tunnel's datagrams are as large as the session takes at that moment", () => {
  const { connection, sent, limit } = session();
  const end = new TunnelEnd(connection, () => assert.fail("a warning"));
  for (const bytes of [1195, 1439, 1195]) {
    limit(bytes);
    end.send(1, new Uint8Array(1200));
  }
  assert.deepEqual(sent, [605, 605, 1203, 605, 605]);
});

test("a path that takes less while a datagram's pieces leave loses the rest, and nothing else", () => {
  const { connection, sent, limit, onSend } = session();
  const end = new TunnelEnd(connection, () => assert.fail("a warning"));
  limit(1439);
  onSend(() => limit(1195));
  end.send(1, new Uint8Array(2800));
  assert.deepEqual(sent, [1405]);
});

test("what is too large to be sent back is lost", () => {
  const { connection, sent } = session();
  sendOrLose(connection, new Uint8Array(1439));
  sendOrLose(connection, new Uint8Array(1195));
  assert.deepEqual(sent, [1195]);
});

/** A session without a machine: what is sent, by length, and what its path takes. */
function session(): {
  connection: Connection;
  sent: number[];
  limit: (maxDatagramBytes: number) => void;
  onSend: (listener: () => void) => void;
} {
  const sent: number[] = [];
  let listener = (): void => undefined;
  const send = (data: Uint8Array): void => {
    sent.push(data.length);
    listener();
  };
  const connection = new Connection({ send, close: () => Promise.resolve(), status: () => undefined }, { peer: "" });
  return {
    connection,
    sent,
    limit: (maxDatagramBytes) => connection.take({ type: "limit", session: 1, maxDatagramBytes }),
    onSend: (next) => {
      listener = next;
    },
  };
}
