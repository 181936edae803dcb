/** The project's own vectors: what `vectors/*.json` holds, and how docs/protocol.md shows it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { type Address, addressFromText } from "@fractal-punch/machine";

export type Value = string | number | boolean | readonly string[];

/** The inputs of a vector: bytes as hex, addresses as text. */
export class Fields {
  readonly values: Readonly<Record<string, Value>>;

  constructor(values: Readonly<Record<string, Value>>) {
    this.values = values;
  }

  has(name: string): boolean {
    return name in this.values;
  }

  text(name: string): string {
    const value = this.values[name];
    assert.ok(typeof value === "string", name);
    return value;
  }

  number(name: string): number {
    const value = this.values[name];
    assert.ok(typeof value === "number", name);
    return value;
  }

  flag(name: string): boolean {
    const value = this.values[name];
    assert.ok(typeof value === "boolean", name);
    return value;
  }

  list(name: string): readonly string[] {
    const value = this.values[name];
    assert.ok(typeof value === "object", name);
    return value;
  }

  bytes(name: string): Uint8Array {
    return bytesOfHex(this.text(name));
  }

  address(name: string): Address {
    return addressOf(this.text(name));
  }

  addresses(name: string): Address[] {
    return this.list(name).map(addressOf);
  }
}

export interface Vector {
  readonly name: string;
  /** Which codec writes and reads it. */
  readonly kind: string;
  readonly fields: Fields;
  readonly bytes: Uint8Array;
}

const folder = new URL("../test/vectors/", import.meta.url);

export function vectorFiles(): string[] {
  return readdirSync(folder).toSorted();
}

export function vectorsOf(file: string): Vector[] {
  const entries: unknown = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  assert.ok(Array.isArray(entries) && entries.length > 0, file);
  return entries.map(vectorOf);
}

/** The vector as docs/protocol.md shows it. */
export function vectorPage({ name, fields, bytes }: Vector): string {
  const lines = Object.entries(fields.values).flatMap(([field, value]) => fieldLines(field, value));
  const text = Buffer.from(bytes).toString("latin1");
  const asText = bytes.length > 0 && /^[!-~]*$/.test(text) ? ["as text:", ...wrapped(text)] : [];
  const what = bytes.length === 1 ? "1 byte:" : `${bytes.length} bytes:`;
  return [`**${name}**`, "", "```", ...lines, what, ...wrapped(hexOf(bytes)), ...asText, "```"].join("\n");
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function bytesOfHex(hex: string): Uint8Array {
  assert.match(hex, /^(?:[0-9a-f]{2})*$/);
  return new Uint8Array(Buffer.from(hex, "hex"));
}

function fieldLines(name: string, value: Value): string[] {
  if (typeof value === "object") return [`${name}:`, ...value.map((item) => `  ${item}`)];
  const line = `${name}: ${value}`;
  return line.length <= 100 ? [line] : [`${name}:`, ...wrapped(String(value))];
}

function wrapped(text: string): string[] {
  return (text.match(/.{1,64}/g) ?? []).map((line) => `  ${line}`);
}

function vectorOf(entry: unknown): Vector {
  assert.ok(typeof entry === "object" && entry !== null);
  assert.ok("name" in entry && typeof entry.name === "string");
  assert.ok("kind" in entry && typeof entry.kind === "string");
  assert.ok("bytes" in entry && typeof entry.bytes === "string");
  assert.ok("fields" in entry && typeof entry.fields === "object" && entry.fields !== null);
  const values: Record<string, Value> = {};
  for (const [name, value] of Object.entries(entry.fields)) values[name] = valueOf(value);
  return { name: entry.name, kind: entry.kind, fields: new Fields(values), bytes: bytesOfHex(entry.bytes) };
}

function valueOf(value: unknown): Value {
  if (Array.isArray(value)) return value.map(String);
  assert.ok(typeof value === "string" || typeof value === "number" || typeof value === "boolean");
  return value;
}

function addressOf(text: string): Address {
  const address = addressFromText(text);
  assert.ok(address, text);
  return address;
}
