// Structured output by the helpers that applications use; pictures and documents.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { deflateSync, crc32 } from "node:zlib";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ask, client, script } from "./system.mjs";

let openai;
before(async () => {
  openai = await client();
});

const Person = z.object({
  name: z.string(),
  age: z.number().int(),
  favorite: z.enum(["red", "blue"]),
  home: z.object({ street: z.string(), number: z.number().int() }),
  nicknames: z.array(z.string()),
  score: z.number().nullable(),
});
const request = ask("Describe a person", { response_format: zodResponseFormat(Person, "person") });

test("parse gives the type", async () => {
  const [choice] = (await openai.chat.completions.parse(request)).choices;
  Person.parse(choice.message.parsed);
  assert.equal(choice.finish_reason, "stop");
  assert.ok(!choice.message.tool_calls?.length);
});

test("the stream helper gives the type", async () => {
  const stream = openai.chat.completions.stream(request);
  const pieces = [];
  stream.on("content", (piece) => pieces.push(piece));
  const [choice] = (await stream.finalChatCompletion()).choices;
  Person.parse(choice.message.parsed);
  assert.equal(pieces.join(""), choice.message.content);
  assert.equal(choice.finish_reason, "stop");
});

test("any JSON object", async () => {
  const asked = ask(script({ text: '{"ok": true}' }), { response_format: { type: "json_object" } });
  const answer = await openai.chat.completions.create(asked);
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), { ok: true });
});

/** A picture in one color. */
function png(width, height) {
  const chunk = (kind, body) => {
    const named = Buffer.concat([Buffer.from(kind), body]);
    const framed = Buffer.alloc(8 + named.length);
    framed.writeUInt32BE(body.length, 0);
    named.copy(framed, 4);
    framed.writeUInt32BE(crc32(named), 4 + named.length);
    return framed;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc((1 + 3 * width) * height);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

const dataUrl = (type, content) => `data:${type};base64,${Buffer.from(content).toString("base64")}`;
const pdf = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

for (const [word, part] of [
  ["png", { type: "image_url", image_url: { url: dataUrl("image/png", png(4, 3)) } }],
  ["pdf", { type: "file", file: { filename: "report.pdf", file_data: dataUrl("application/pdf", pdf) } }],
  ["txt", { type: "file", file: { filename: "notes v1.2.txt", file_data: dataUrl("text/plain", "Plain words.") } }],
]) {
  test(`a ${word} is received`, async () => {
    const answer = await openai.chat.completions.create(ask([{ type: "text", text: "What is this?" }, part]));
    assert.ok(answer.choices[0].message.content.toLowerCase().includes(word), answer.choices[0].message.content);
  });
}
