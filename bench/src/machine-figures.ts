/**
 * What a registered host takes of the server's memory, and what questions cost its machine: parsing, MACs and tables,
 * without sockets, among a million hosts.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Figure } from "./figures.ts";

/** As `Figure.spentOn`, in microseconds. */
const spentOn = {
  refresh:
    "two HMACs 3, messages 2; the rest waits for rows of a million that are in no cache: with 20,000 hosts it takes 6",
  keepalive:
    "two thirds to read the question and write the answer; the rest waits for the row of its 5-tuple, which is in no cache",
  introduction:
    "five HMACs 11, channels and rules that are made and ended again 9, the collector 5 and as much again in its threads, CRCs 3",
  allocate: "eleven digests 8 to 10, the collector 5, messages, tables and deadlines the rest",
};

const program = fileURLToPath(new URL("machine-load.js", import.meta.url));

export async function machineFigures(): Promise<Figure[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program]);
  const measured = new Map(Object.entries(Object(JSON.parse(stdout))));
  const value = (name: string): number => {
    const number = measured.get(name);
    if (typeof number !== "number") throw new Error(`the program printed no ${name}: ${stdout}`);
    return number;
  };
  return [
    { name: "machine: memory of one of 100,000 hosts", value: value("bytesAtFew"), unit: "bytes" },
    { name: "machine: memory of one of 1,000,000 hosts", value: value("bytesAtMany"), unit: "bytes", atMost: 400 },
    {
      name: "machine: CPU of a refresh",
      value: value("refreshMicros"),
      unit: "us",
      atMost: 6,
      spentOn: spentOn.refresh,
    },
    {
      name: "machine: CPU of a keepalive Binding",
      value: value("keepaliveMicros"),
      unit: "us",
      atMost: 0.8,
      spentOn: spentOn.keepalive,
    },
    {
      name: "machine: CPU of an introduction",
      value: value("introductionMicros"),
      unit: "us",
      atMost: 18,
      spentOn: spentOn.introduction,
    },
    {
      name: "machine: CPU of an Allocate and its 401",
      value: value("allocateMicros"),
      unit: "us",
      atMost: 45,
      spentOn: spentOn.allocate,
    },
  ];
}
