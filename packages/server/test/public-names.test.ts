import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { addressFromIpText, ipText } from "@fractal-punch/machine";
import { cloudAddress } from "../dist/cloud-address.js";
import { severalPublicIp4 } from "../dist/public-addresses.js";
import { findPublicNames, named, taught } from "../dist/public-names.js";
import { at } from "./test-server.ts";

test("names that the operator gave are taken as they are", async () => {
  const names = await findPublicNames(["10.0.0.1", "punch.example.com"], [4, 6]);
  assert.deepEqual(names, { names: ["10.0.0.1", "punch.example.com"], source: "option", arePrivate: false });
  assert.equal((await findPublicNames(["10.0.0.1"], [4])).arePrivate, true);
});

test("without them the machine's own addresses are found, of the families that it listens on", async () => {
  const { names, source } = await findPublicNames([], [4]);
  assert.notEqual(source, "option");
  assert(names.every((name) => !name.includes(":") && !name.startsWith("127.")));
  assert.deepEqual((await findPublicNames([], [])).names, []);
});

test("what hosts dialled replaces private addresses, the first of each family for good", () => {
  const guess = named(["10.0.0.5"], "interface");
  const first = taught(guess, at("203.0.113.7:48800"));
  assert.deepEqual(first, { names: ["203.0.113.7"], source: "dialled", arePrivate: false });
  const second = taught(first, at("[2001:db8::7]:48800"));
  assert.deepEqual(second.names, ["203.0.113.7", "2001:db8::7"]);
  assert.equal(taught(second, at("203.0.113.8:48800")), second);
  assert.equal(taught(guess, at("192.168.1.5:48800")), guess);
});

test("what the operator, the cloud or a public interface says is not replaced", () => {
  for (const source of ["option", "cloud"] as const) {
    const known = named(["10.0.0.5"], source);
    assert.equal(taught(known, at("203.0.113.7:48800")), known);
  }
  const known = named(["198.51.100.1"], "interface");
  assert.equal(taught(known, at("203.0.113.7:48800")), known);
});

test("an instance of Amazon, Google or Azure is told its public address", async (t) => {
  const answers: Record<string, (request: IncomingMessage) => string> = {
    "/latest/api/token": ({ method }) => (method === "PUT" ? "token" : ""),
    "/latest/meta-data/public-ipv4": ({ headers }) =>
      headers["x-aws-ec2-metadata-token"] === "token" ? "203.0.113.1" : "",
    "/computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip": ({ headers }) =>
      headers["metadata-flavor"] === "Google" ? "203.0.113.2\n" : "",
    "/metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress": ({ headers }) =>
      headers["metadata"] === "true" ? "203.0.113.3" : "",
  };
  const metadataUrl = await metadataService(t, answers);
  const machines = [
    { sys_vendor: "Amazon EC2\n", expected: "203.0.113.1" },
    { sys_vendor: "Xen\n", bios_version: "4.11.amazon\n", expected: "203.0.113.1" },
    { sys_vendor: "Google\n", expected: "203.0.113.2" },
    {
      sys_vendor: "Microsoft Corporation\n",
      chassis_asset_tag: "7783-7084-3265-9085-8269-3286-77\n",
      expected: "203.0.113.3",
    },
    { sys_vendor: "LENOVO\n", expected: undefined },
    { expected: undefined },
  ];
  for (const { expected, ...dmi } of machines) {
    assert.equal(await cloudAddress({ dmiFolder: await dmiFolderOf(t, dmi), metadataUrl }), expected);
  }
});

test("a cloud that does not answer, or with something else, is as good as none", async (t) => {
  const dmiFolder = await dmiFolderOf(t, { sys_vendor: "Amazon EC2\n" });
  const silent = await metadataService(t, {});
  assert.equal(await cloudAddress({ dmiFolder, metadataUrl: silent }), undefined);
  const odd = await metadataService(t, {
    "/latest/api/token": () => "token",
    "/latest/meta-data/public-ipv4": () => "<html>a captive portal</html>",
  });
  assert.equal(await cloudAddress({ dmiFolder, metadataUrl: odd }), undefined);
  assert.equal(await cloudAddress({ dmiFolder, metadataUrl: "http://127.0.0.1:1" }), undefined);
});

async function metadataService(
  t: TestContext,
  answers: Record<string, (request: IncomingMessage) => string>,
): Promise<string> {
  const service = createServer((request, response) => {
    const text = answers[request.url?.split("?")[0] ?? ""]?.(request) ?? "";
    response.statusCode = text === "" ? 404 : 200;
    response.end(text);
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  t.after(() => service.close());
  const address = service.address();
  assert(address !== null && typeof address === "object");
  return `http://127.0.0.1:${address.port}`;
}

async function dmiFolderOf(t: TestContext, files: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fractal-punch-dmi-"));
  t.after(() => rm(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

test("several public addresses of IPv4 are noticed, private ones and those of IPv6 beside one are not", () => {
  const own = (...texts: string[]): string[] =>
    severalPublicIp4(texts.flatMap((text) => addressFromIpText(text, 0) ?? [])).map(ipText);
  assert.deepEqual(own("127.0.0.1", "10.0.0.5", "192.0.2.7", "2001:db8::1", "2001:db8::2", "::1"), []);
  assert.deepEqual(own("192.0.2.7", "10.0.0.5", "192.0.2.8"), ["192.0.2.7", "192.0.2.8"]);
});
