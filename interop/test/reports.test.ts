import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allBack,
  answered,
  connected,
  type Ended,
  hairpins,
  mapped,
  natIs,
  refused,
  responses,
  uclientReport,
} from "@fractal-punch/interop";

test("the last totals of turnutils_uclient are its numbers", () => {
  assert.deepEqual(uclientReport(uclientOutput({ received: 19, lost: 1 })), {
    sent: 20,
    received: 19,
    receivedBytes: 2000,
    lost: 1,
    dropped: 0,
    relayedAddresses: ["127.0.0.1:50474", "127.0.0.1:50480"],
    errors: [],
    isRefused: false,
  });
});

test("a case of messages holds when all of them came back by the family, and only then", () => {
  const whole = ended(0, uclientOutput({}));
  assert.ok(allBack(20)(whole).holds);
  assert.equal(allBack(21)(whole).holds, false);
  assert.equal(allBack(20, { family: 6 })(whole).holds, false);
  assert.equal(allBack(20, { lengthBytes: 99 })(whole).holds, false);
  assert.equal(allBack(20)(ended(1, uclientOutput({}))).holds, false);
  assert.equal(allBack(20)(ended(0, uclientOutput({ lost: 1 }))).holds, false);
  assert.equal(allBack(20)(ended(0, uclientOutput({ received: 19 }))).holds, false);
  assert.equal(allBack(20)(ended("no end", "0: : allocate sent\n")).holds, false);
});

test("IPv6 relayed addresses are told from IPv4's", () => {
  const output = uclientOutput({}).replaceAll("127.0.0.1:", "::1:");
  assert.ok(allBack(20, { family: 6 })(ended(0, output)).holds);
});

test("an error response in a run that goes on fails its case, unless the case allows for it", () => {
  const output = `0: : channel bind: error 443 (Peer Family Mismatch)\n${uclientOutput({})}`;
  assert.equal(allBack(20)(ended(0, output)).holds, false);
  assert.ok(allBack(20, { mayRefuse: /^443 / })(ended(0, output)).holds);
});

test("a refusal is no finished run, and is told by its code", () => {
  const full = ended(255, "0: : allocate sent\n0: : error 508 (Server Full)\n0: : error 508 (Server Full)\n");
  assert.ok(refused(508)(full).holds);
  assert.equal(refused(420)(full).holds, false);
  assert.equal(refused()(full).holds, false);
  assert.equal(allBack(20)(full).seen, "error 508 (Server Full)");
  assert.ok(refused()(ended(255, "0: : ERROR: Cannot complete Allocation\n")).holds);
});

test("a program that was served, hung or broke down was not refused", () => {
  assert.equal(refused()(ended(0, uclientOutput({}))).holds, false);
  assert.equal(refused()(ended("no end", "0: : allocate sent\n")).holds, false);
  assert.equal(refused()(ended("SIGSEGV", "")).holds, false);
});

test("turnutils_stunclient's mapped address counts once though its first line is printed twice", () => {
  const line = "0: : IPv4. UDP reflexive addr: 127.0.0.1:50596\n";
  assert.ok(mapped("127.0.0.1")(ended(0, line + line)).holds);
  assert.equal(mapped("127.0.0.2")(ended(0, line + line)).holds, false);
  assert.ok(mapped("::1")(ended(0, "0: : IPv6. UDP reflexive addr: ::1:48122\n")).holds);
  assert.equal(mapped("::1")(ended(0, "")).holds, false);
});

test("a kind of NAT counts only from a discovery that had all its answers", () => {
  const output = `${response(1)}${response(2)}${"=".repeat(40)}\nNAT with Endpoint Independent Mapping!\n`;
  assert.ok(natIs("Endpoint Independent Mapping")(ended(0, output)).holds);
  assert.equal(natIs("Endpoint Independent Filtering")(ended(0, output)).holds, false);
  assert.equal(natIs("Endpoint Independent Mapping")(ended(0, `${output}STUN receive timeout..\n`)).holds, false);
  assert.equal(natIs("Endpoint Independent Mapping")(ended(0, response(1))).holds, false);
});

test("responses of behaviour discovery count with where they came from and the other address", () => {
  const output = response(1) + response(2);
  assert.ok(responses(2)(ended(0, output)).holds);
  assert.equal(responses(3)(ended(0, output)).holds, false);
  assert.equal(responses(2)(ended(0, output.replace(/.*Other addr.*\n/, ""))).holds, false);
});

test("hairpinning counts from a server that has another address", () => {
  const came = "Received a request (maybe a successful hairpinning)\n";
  assert.ok(hairpins(ended(0, response(1) + came)).holds);
  assert.equal(hairpins(ended(0, came)).holds, false);
  assert.equal(hairpins(ended(0, response(1))).holds, false);
});

test("an ICE connection counts when all messages came over the expected pair", () => {
  const line = '{"sent":40,"received":40,"pairs":["host/relay","relay/host"]}\n';
  assert.ok(connected(/^host\/relay$/, /^relay\/host$/)(ended(0, line)).holds);
  assert.equal(connected(/^relay\/relay$/, /^relay\/host$/)(ended(0, line)).holds, false);
  const lossy = line.replace('"received":40', '"received":39');
  assert.equal(connected(/^host\/relay$/, /^relay\/host$/)(ended(0, lossy)).holds, false);
  assert.equal(connected(/./, /./)(ended(1, "ConnectionError: ICE negotiation failed\n")).holds, false);
});

test("our client was answered when it was told its own address, signed where that was asked for, and nothing else", () => {
  const bound = '{"local":"127.0.0.1:9","mapped":"127.0.0.1:9","hasFingerprint":true,"hasIntegrity":false}\n';
  assert.ok(answered({ isRelayed: false })(ended(0, bound)).holds);
  assert.equal(answered({ isRelayed: true })(ended(0, bound)).holds, false);
  assert.equal(answered({ isRelayed: false })(ended(0, bound.replace("9", "8"))).holds, false);
  assert.equal(
    answered({ isRelayed: false })(ended(0, bound.replace('Fingerprint":true', 'Fingerprint":false'))).holds,
    false,
  );
  const relayed = bound.replace('Integrity":false', 'Integrity":true,"relayed":"127.0.0.1:7"');
  assert.ok(answered({ isRelayed: true })(ended(0, relayed)).holds);
  assert.equal(
    answered({ isRelayed: true })(ended(0, relayed.replace('Integrity":true', 'Integrity":false'))).holds,
    false,
  );
  assert.equal(answered({ isRelayed: true })(ended(0, relayed.replace("}", ',"code":437}'))).holds, false);
});

function ended(code: number | string, output: string): Ended {
  return { code, output, seconds: 1 };
}

function uclientOutput({ received = 20, lost = 0 }): string {
  return `0: : IPv4. Received relay addr: 127.0.0.1:50474
0: : IPv4. Received relay addr: 127.0.0.1:50480
1: : start_mclient: msz=2, tot_send_msgs=3, tot_recv_msgs=3, tot_send_bytes ~ 300, tot_recv_bytes ~ 300
4: : start_mclient: tot_send_msgs=20, tot_recv_msgs=${received}
4: : start_mclient: tot_send_bytes ~ 2000, tot_recv_bytes ~ 2000
4: : Total transmit time is 3
4: : Total lost packets ${lost} (0.000000%), total send dropped 0 (0.000000%)
`;
}

function response(number: number): string {
  return `
========================================
RFC 5780 response ${number}
No ALG: Mapped == XOR-Mapped
0: : IPv4. Response origin: : 127.0.0.1:36478
0: : IPv4. Other addr: : 127.0.0.2:36479
0: : IPv4. UDP reflexive addr: 127.0.0.1:53786
0: : IPv4. Local addr: : 0.0.0.0:53786
`;
}
