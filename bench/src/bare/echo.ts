/** A program of the bench: answers each datagram with one of a Binding's success's length, which begins with its head. */
import { plainManner } from "../load/line.ts";
import { runBare } from "./loop.ts";

const answer = new Uint8Array(40);
const headBytes = 20;

runBare(({ batch, sender }, memory, from, start) => {
  for (let i = 0; i < headBytes; i++) answer[i] = memory[start + i] ?? 0;
  batch.copy(sender, from, 0, plainManner, answer);
});
