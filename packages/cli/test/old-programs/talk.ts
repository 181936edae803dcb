/** Two old programs that know each other's address send each other datagrams, until each knows that the other hears it. */
import type { Socket } from "node:dgram";
import { print, split } from "./program.ts";

const intervalMs = 100;
const answer = "I hear you";

/** Takes over the socket, and closes it at the end. What others than `peer` send is printed, and no more. */
export function talk(socket: Socket, peer: string): void {
  const [ip, port] = split(peer);
  const send = (text: string, sent?: () => void): void => socket.send(text, port, ip, sent);
  const timer = setInterval(() => send("hello"), intervalMs);
  const done = { hears: false, isHeard: false, isOver: false };
  const note = (what: "hears" | "isHeard"): void => {
    done[what] = true;
    if (!done.hears || !done.isHeard || done.isOver) return;
    done.isOver = true;
    clearInterval(timer);
    print("done");
    socket.close();
  };
  socket.removeAllListeners("message");
  socket.on("message", (bytes, from) => {
    const [text, sender] = [bytes.toString(), `${from.address}:${from.port}`];
    print(sender === peer ? "received" : "unexpected", { from: sender, text });
    if (sender !== peer) return;
    if (text === answer) note("isHeard");
    else send(answer, () => note("hears"));
  });
  send("hello");
}
