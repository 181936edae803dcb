/**
 * A program of the bench: sends each datagram on, with its first four bytes changed. A datagram of two bytes names the
 * port, on its sender's address, that all further ones from there go to.
 */
import { plainManner } from "../load/line.ts";
import { runBare } from "./loop.ts";

const routes = Array<Uint32Array | undefined>(65_536).fill(undefined);
const namingBytes = 2;

runBare(({ batch, sender }, memory, from, start, end) => {
  const port = (from[0] ?? 0) & 0xffff;
  if (end - start === namingBytes) {
    routes[port] = Uint32Array.of(
      4 * 65_536 + (memory[start] ?? 0) * 256 + (memory[start + 1] ?? 0),
      from[1] ?? 0,
      0,
      0,
      0,
    );
    return;
  }
  const route = routes[port];
  if (route === undefined) return;
  memory[start] = 0x4f;
  memory[start + 1] = 0xff;
  memory[start + 2] = (end - start - 4) >>> 8;
  memory[start + 3] = (end - start - 4) & 0xff;
  batch.pass(sender, route, 0, plainManner, start, end);
});
