/** Two old programs that know each other's address send each other datagrams, until each knows that the other hears it. */
import type { Socket } from "node:dgram";
import { print, split } from "./program.ts";

const intervalMs = 100;
const answer = "I hear you";

/** Takes over the socket, and closes it at the end. What others than `peer` send is printed, and no more. */
export function talk(socket: Socket, peer: string): void {
  const [ip, port] = split(peer);
  let hears = false;
  let isHeard = false;
  const send = (text: string, sent?: () => void): void => socket.send(text, port, ip, sent);
  const hello = (): void => send("hello");
  const timer = setInterval(hello, intervalMs);
  const endIfDone = (): void => {
    if (!hears || !isHeard) return;
    clearInterval(timer);
    print("done");
    socket.close();
  };
  socket.removeAllListeners("message");
  socket.on("message", (bytes, from) => {
    const [text, sender] = [bytes.toString(), `${from.address}:${from.port}`];
    print(sender === peer ? "received" : "unexpected", { from: sender, text });
    if (sender !== peer) return;
    if (text === answer) isHeard = true;
    else hears = true;
    if (text === answer) endIfDone();
    else send(answer, endIfDone);
  });
  hello();
}
