// A steady load by the official client, for tests in which something else happens meanwhile: whole answers and streams in turn, at
// each address, until SIGTERM.
//
//     node load.mjs MODEL BASE_URL…
//
// Prints ten times a second a line of JSON that says how many requests were answered well and how many were not, and at the end one
// that tells why not. Its own retries are off, since they would hide what the proxies answer.

import { setTimeout as pause } from "node:timers/promises";
import OpenAI from "openai";

// One worker for each address asks this often at most, so that the load leaves room for what the test is about.
const INTERVAL_MS = 200;
const PIECES = ["one ", "two ", "three"];
const PROMPT = `Follow the script. [[sim ${JSON.stringify({ deltas: PIECES, delta_delay_ms: 5 })}]]`;
const SHOWN_FAILURES = 20;

const [model, ...addresses] = process.argv.slice(2);
const messages = [{ role: "user", content: PROMPT }];
const failures = [];
let [answered, failed, stopped] = [0, 0, false];

async function whole(client) {
  const answer = await client.chat.completions.create({ model, messages });
  return [answer.choices[0].message.content, answer.choices[0].finish_reason];
}

async function streamed(client) {
  let [text, reason] = ["", null];
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
    text += chunk.choices[0].delta.content ?? "";
    reason = chunk.choices[0].finish_reason ?? reason;
  }
  return [text, reason];
}

async function worker(baseURL) {
  const client = new OpenAI({ baseURL, apiKey: process.env.OPENAI_API_KEY ?? "none", maxRetries: 0, timeout: 60_000 });
  for (let number = 0; !stopped; number++) {
    const next = pause(INTERVAL_MS);
    try {
      const [text, reason] = await (number % 2 ? streamed : whole)(client);
      if (text !== PIECES.join("") || reason !== "stop") throw new Error(`not the whole answer: ${text}, ${reason}`);
      answered++;
    } catch (error) {
      // Whatever goes wrong is what the load is for.
      failed++;
      if (failures.length < SHOWN_FAILURES) failures.push(`${baseURL}: ${error}`);
    }
    await next;
  }
}

const tell = (more) => console.log(JSON.stringify({ answered, failed, ...more }));

process.on("SIGTERM", () => (stopped = true));
const telling = setInterval(tell, 100);
await Promise.all(addresses.map(worker));
clearInterval(telling);
tell({ failures });
