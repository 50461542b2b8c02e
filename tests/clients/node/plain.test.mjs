// Plain answers, whole and streamed; models; many requests at once.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import OpenAI from "openai";
import { MODEL, ask, client, collect, script } from "./system.mjs";

let openai;
before(async () => {
  openai = await client();
});

test("an answer has the shape of OpenAI's", async () => {
  const answer = await openai.chat.completions.create(ask(script({ text: "forty-two" })));
  assert.equal(answer.object, "chat.completion");
  assert.match(answer.id, /^chatcmpl-/);
  assert.equal(answer.choices[0].message.content, "forty-two");
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.ok(answer._request_id, "no x-request-id");
});

test("chunks make up the answer", async () => {
  const deltas = ["He", "llo, ", "wörld 🌍", "!"];
  const chunks = await collect(await openai.chat.completions.create(ask(script({ deltas }), { stream: true })));
  assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), deltas.join(""));
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  assert.ok(chunks.every((chunk) => !chunk.usage));
});

test("usage comes last when asked for", async () => {
  const request = ask("Hello", { stream: true, stream_options: { include_usage: true } });
  const chunks = await collect(await openai.chat.completions.create(request));
  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.total_tokens, last.usage.prompt_tokens + last.usage.completion_tokens);
  assert.ok(chunks.every((chunk) => !chunk.usage));
});

test("the stream helper accumulates", async () => {
  const stream = openai.chat.completions.stream(ask(script({ deltas: ["one ", "two"] })));
  const pieces = [];
  stream.on("content", (piece) => pieces.push(piece));
  assert.equal(await stream.finalContent(), "one two");
  assert.deepEqual(pieces, ["one ", "two"]);
});

for (const [reason, expected] of [
  ["max_tokens", "length"],
  ["stop_sequence", "stop"],
  ["content_filtered", "content_filter"],
  ["guardrail_intervened", "content_filter"],
]) {
  test(`the stop reason ${reason} is ${expected}`, async () => {
    const answer = await openai.chat.completions.create(ask(script({ text: "some", stop_reason: reason })));
    assert.equal(answer.choices[0].finish_reason, expected);
  });
}

test("models are listed and retrieved", async () => {
  const models = await collect(openai.models.list());
  assert.ok(models.some((model) => model.id === MODEL));
  for (const model of models) assert.equal((await openai.models.retrieve(model.id)).id, model.id);
  await assert.rejects(openai.models.retrieve("gpt-17"), OpenAI.NotFoundError);
});

test("fifty at once get their own answers", async () => {
  const one = async (_, number) => {
    const prompt = script({ deltas: [`answer ${number}`, " of many"], delta_delay_ms: 20 });
    if (number % 2) return (await openai.chat.completions.create(ask(prompt))).choices[0].message.content;
    return openai.chat.completions.stream(ask(prompt)).finalContent();
  };
  const answers = await Promise.all(Array.from({ length: 50 }, one));
  answers.forEach((answer, number) => assert.equal(answer, `answer ${number} of many`));
});

test("a stream that is left harms nobody", async () => {
  const prompt = script({ deltas: Array(200).fill("x "), delta_delay_ms: 50 });
  const stream = await openai.chat.completions.create(ask(prompt, { stream: true }));
  for await (const _ of stream) break;
  const answer = await openai.chat.completions.create(ask(script({ text: "still there" })));
  assert.equal(answer.choices[0].message.content, "still there");
});
