#!/usr/bin/env node
// Stands here unbuilt, so that npm links the command at the first install, before anything is built.
await import("../dist/main.js");
