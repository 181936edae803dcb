#!/usr/bin/env node
import { Command } from "commander";
import { pino } from "pino";

const program = new Command("fractal-punch").version("0.1.0");

program
  .command("serve")
  .description("run the server")
  .action(() => {
    pino().info("nothing to serve yet");
  });

await program.parseAsync();

export * as peer from "@fractal-punch/peer";
export * as server from "@fractal-punch/server";
