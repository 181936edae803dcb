import assert from "node:assert/strict";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { test } from "node:test";
import { ipText } from "@fractal-punch/machine";
import { InterfaceWatcher, ownAddresses } from "../../dist/node/interfaces.js";

const lan = info("192.168.1.20/24");
const global6 = info("2001:db8::20/64");

test("addresses of all interfaces are told with their prefixes; loopback and IPv6 link-local are not", () => {
  const source = () => ({
    lo: [info("127.0.0.1/8", true), info("::1/128", true), info("10.255.255.254/32", true)],
    eth0: [lan, global6, info("fe80::1/64")],
    docker0: [info("172.17.0.1/16")],
    usb0: [info("169.254.3.4/16")],
    gone: undefined,
  });
  assert.deepEqual(texts(source), ["192.168.1.20/24", "2001:db8::20/64", "172.17.0.1/16", "169.254.3.4/16"]);
  assert.ok(ownAddresses(source).every(({ address }) => address.port === 0));
});

test("a loopback address on another interface is not told, and an address without a prefix is alone in its subnet", () => {
  const bare = { ...info("10.0.0.1/8"), cidr: null };
  const bare6 = { ...info("2001:db8::1/64"), cidr: null };
  const source = () => ({ dummy0: [info("127.0.0.2/8"), bare, bare6] });
  assert.deepEqual(texts(source), ["10.0.0.1/32", "2001:db8::1/128"]);
});

test("where the system does not tell its interfaces there are no addresses", () => {
  const source = (): never => {
    throw new Error("uv_interface_addresses returned Unknown system error 13");
  };
  assert.deepEqual(ownAddresses(source), []);
});

test("this machine's own interfaces can be read", () => {
  const count = Object.values(networkInterfaces()).flat().length;
  assert.ok(ownAddresses().length <= count);
});

test("a watcher tells changes of address and of prefix, and nothing when only the order differs", (t) => {
  let current = [lan, global6];
  const watcher = new InterfaceWatcher(() => ({ eth0: current }));
  t.after(() => watcher.close());
  const told: string[][] = [];
  watcher.on("change", (addresses) =>
    told.push(addresses.map(({ address, prefixBits }) => `${ipText(address)}/${prefixBits}`)),
  );

  watcher.check();
  current = [global6, lan];
  watcher.check();
  assert.deepEqual(told, []);

  current = [info("192.168.1.20/16"), global6];
  watcher.check();
  watcher.check();
  current = [];
  watcher.check();
  assert.deepEqual(told, [["192.168.1.20/16", "2001:db8::20/64"], []]);
  assert.deepEqual(watcher.addresses, []);
});

test("a watcher looks every 2 s by itself, until it is closed", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let current = [lan];
  const watcher = new InterfaceWatcher(() => ({ eth0: current }));
  let changes = 0;
  watcher.on("change", () => changes++);
  current = [];
  t.mock.timers.tick(1999);
  assert.equal(changes, 0);
  t.mock.timers.tick(1);
  assert.equal(changes, 1);
  watcher.close();
  current = [lan];
  t.mock.timers.tick(10_000);
  assert.equal(changes, 1);
});

function texts(source: ConstructorParameters<typeof InterfaceWatcher>[0]): string[] {
  return ownAddresses(source).map(({ address, prefixBits }) => `${ipText(address)}/${prefixBits}`);
}

function info(cidr: string, internal = false): NetworkInterfaceInfo {
  const address = cidr.split("/")[0] ?? "";
  const shared = { address, netmask: "", mac: "00:00:00:00:00:00", internal, cidr };
  return address.includes(":") ? { ...shared, family: "IPv6", scopeid: 0 } : { ...shared, family: "IPv4" };
}
