// The system under test, started once for each test file: `nova-local up`, as the README starts it.
// Knows how programs are started and stopped; what they answer is for the tests to judge.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import OpenAI from "openai";

// A model that the default mapping of OpenAI's names serves.
export const MODEL = "gpt-4o-mini";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const START_MS = 30_000;
const STOP_MS = 15_000;

// Registered here and not where a program is started: a hook's own `after` would run at the end of the hook.
const started = [];
after(async () => {
  for (const stop of started.reverse()) await stop();
});

/** The program to test: named by the environment, or the release build of this tree. */
function binary(name) {
  const variable = `${name.toUpperCase().replaceAll("-", "_")}_BIN`;
  const target = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, "target");
  const file = process.env[variable] ?? path.join(target, "release", name);
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`${file} is missing: cargo build --release -p ${name}, or set ${variable}`);
  }
  return file;
}

/** Starts a program, waits for its line of JSON, and stops it after the tests of the file. */
async function start(name, argv, environment = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "nova-clients-"));
  const outputs = ["stdout", "stderr"].map((stream) => path.join(folder, stream));
  const files = outputs.map((output) => openSync(output, "w"));
  const inherited = Object.fromEntries(["PATH", "HOME"].map((key) => [key, process.env[key] ?? ""]));
  const child = spawn(binary(name), argv, {
    cwd: folder,
    env: { ...inherited, AWS_EC2_METADATA_DISABLED: "true", ...environment },
    stdio: ["ignore", ...files],
  });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  files.forEach(closeSync);
  const report = () => outputs.map((output) => `--- ${path.basename(output)} of ${name} ---\n${readFileSync(output)}`).join("\n");

  started.push(async () => {
    child.kill("SIGTERM");
    const late = pause(STOP_MS, "late", { ref: false });
    const how = await Promise.race([ended, late]);
    if (how === "late") child.kill("SIGKILL");
    if (how !== 0) throw new Error(`${name} was to end with 0 and ended: ${how}\n${report()}`);
    rmSync(folder, { recursive: true });
  });

  const end = Date.now() + START_MS;
  while (Date.now() < end) {
    const lines = readFileSync(outputs[0], "utf8").split("\n").slice(0, -1);
    const ready = lines.find((line) => line.startsWith("{"));
    if (ready) return JSON.parse(ready);
    if (child.exitCode !== null) throw new Error(`${name} ended (${child.exitCode}) before it was ready\n${report()}`);
    await pause(10);
  }
  throw new Error(`${name} was not ready after ${START_MS} ms\n${report()}`);
}

let running;

/** The ready line of the system. NOVA_READY holds that of a system which somebody else started. */
async function system() {
  running ??= process.env.NOVA_READY
    ? Promise.resolve(JSON.parse(process.env.NOVA_READY))
    : start("nova-local", ["up", "--listen", "127.0.0.1:0", "--json"]);
  return running;
}

/** The official client. Its own retries are off: they would hide what the proxy answers. */
export async function client(options = {}) {
  const { base_url: baseURL, api_key: apiKey } = await system();
  return new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000, ...options });
}

/** A client of a proxy of its own, at which its key may use one model alone and a body may have 1 MiB. */
export async function restrictedClient() {
  const { simulator } = await system();
  const folder = mkdtempSync(path.join(tmpdir(), "nova-restricted-"));
  started.push(async () => rmSync(folder, { recursive: true }));
  const pepper = "0123456789abcdef".repeat(4);
  const record = {
    id: "key_mini",
    name: "one model",
    hmac_sha256: createHmac("sha256", pepper).update("sk-mini").digest("hex"),
    models: [MODEL],
    disabled: false,
    created_at: "2026-01-01T00:00:00Z",
  };
  const write = (name, text) => writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  write("pepper", pepper);
  write("keys.json", JSON.stringify({ version: 1, keys: [record] }));
  write(
    "proxy.hcl",
    `listen  = "127.0.0.1:0"
metrics = "127.0.0.1:0"
bedrock {
  region   = "us-east-1"
  endpoint = "${simulator["us-east-1"]}"
}
auth {
  keys_file   = "${folder}/keys.json"
  pepper_file = "${folder}/pepper"
}
limits {
  body_bytes = "1MiB"
}
`,
  );
  const ready = await start("nova-proxy", ["serve", "--json", "--config", path.join(folder, "proxy.hcl")], {
    AWS_ACCESS_KEY_ID: "AKIDSIMULATOR",
    AWS_SECRET_ACCESS_KEY: "simulator-secret-access-key",
  });
  return client({ baseURL: `http://${ready.listen}/v1`, apiKey: "sk-mini" });
}

/** A chat request with one user message. */
export function ask(content = "Hello", parameters = {}) {
  return { model: MODEL, messages: [{ role: "user", content }], ...parameters };
}

/** A prompt whose answer the simulator takes from these keys. */
export function script(keys) {
  return `Follow the script. [[sim ${JSON.stringify(keys)}]]`;
}

export function tool(name) {
  return {
    type: "function",
    function: {
      name,
      description: "Tells the weather of a city",
      parameters: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
        required: ["city", "days"],
        additionalProperties: false,
      },
    },
  };
}

/** All that an asynchronous iterable gives. */
export async function collect(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}
