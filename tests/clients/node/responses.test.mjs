// The Responses API: plain, streamed, with tools, in a type, and refused.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { MODEL, client, collect, script, tool as chatTool } from "./system.mjs";

let openai;
before(async () => {
  openai = await client();
});

const ask = (input = "Hello", parameters = {}) => ({ model: MODEL, input, ...parameters });
/** A tool in the flat form of Responses. */
const tool = (name) => ({ type: "function", strict: true, ...chatTool(name).function });
const tools = [tool("get_weather"), tool("get_tides")];
const calls = (response) => response.output.filter((item) => item.type === "function_call");

test("an answer has the shape of OpenAI's", async () => {
  const response = await openai.responses.create(ask(script({ text: "forty-two" })));
  assert.equal(response.object, "response");
  assert.match(response.id, /^resp_/);
  assert.equal(response.output_text, "forty-two");
  assert.equal(response.status, "completed");
  assert.equal(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens);
  assert.ok(response._request_id, "no x-request-id");
});

test("events make up the answer", async () => {
  const deltas = ["He", "llo, ", "wörld 🌍", "!"];
  const events = await collect(await openai.responses.create(ask(script({ deltas }), { stream: true })));
  const pieces = events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta);
  assert.deepEqual(pieces, deltas);
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, number) => number));
  assert.equal(events[0].type, "response.created");
  assert.equal(events.at(-1).type, "response.completed");
  assert.equal(events.at(-1).response.output[0].content[0].text, deltas.join(""));
});

test("the stream helper accumulates", async () => {
  const final = await openai.responses.stream(ask(script({ deltas: ["one ", "two"] }))).finalResponse();
  assert.equal(final.output_text, "one two");
});

for (const [choice, text, names] of [
  ["auto", "Use get_weather and get_tides", ["get_weather", "get_tides"]],
  ["required", "Hello", ["get_weather"]],
  [{ type: "function", name: "get_tides" }, "Hello", ["get_tides"]],
  ["none", "Use get_weather", []],
]) {
  for (const streamed of [false, true]) {
    test(`calls, ${JSON.stringify(choice)}, streamed: ${streamed}`, async () => {
      const request = ask(text, { tools, tool_choice: choice });
      const response = streamed
        ? await openai.responses.stream(request).finalResponse()
        : await openai.responses.create(request);
      assert.deepEqual(calls(response).map((call) => call.name), names);
      for (const call of calls(response)) assert.equal(typeof JSON.parse(call.arguments).city, "string");
    });
  }
}

for (const streamed of [false, true]) {
  test(`results go back, streamed: ${streamed}`, async () => {
    const question = [{ role: "user", content: "Use get_weather and get_tides" }];
    const first = await openai.responses.create(ask(question, { tools }));
    const outputs = calls(first).map(({ call_id }, index) => ({
      type: "function_call_output",
      call_id,
      output: index ? "high at noon" : '{"sky":"clear"}',
    }));
    const request = ask([...question, ...first.output, ...outputs], { tools });
    const response = streamed
      ? await openai.responses.stream(request).finalResponse()
      : await openai.responses.create(request);
    assert.match(response.output_text, /clear/);
    assert.match(response.output_text, /high at noon/);
  });
}

test("parse gives the type", async () => {
  const Person = z.object({ name: z.string(), age: z.number().int() });
  const request = ask("Describe a person", { text: { format: zodTextFormat(Person, "person") } });
  Person.parse((await openai.responses.parse(request)).output_parsed);
  Person.parse((await openai.responses.stream(request).finalResponse()).output_parsed);
});

test("a cut-off answer is incomplete", async () => {
  const prompt = script({ text: "some", stop_reason: "max_tokens" });
  const response = await openai.responses.create(ask(prompt));
  assert.equal(response.status, "incomplete");
  assert.deepEqual(response.incomplete_details, { reason: "max_output_tokens" });
  const events = await collect(await openai.responses.create(ask(prompt, { stream: true })));
  assert.equal(events.at(-1).type, "response.incomplete");
});

for (const [parameters, param] of [
  [{ previous_response_id: "resp_1" }, "previous_response_id"],
  [{ background: true }, "background"],
  [{ tools: [{ type: "web_search" }] }, "tools[0].type"],
  [{ input: [{ type: "item_reference", id: "msg_1" }] }, "input[0].type"],
]) {
  test(`refused by name: ${param}`, async () => {
    await assert.rejects(openai.responses.create({ ...ask(), ...parameters }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError, `${error}`);
      assert.equal(error.param, param);
      return true;
    });
  });
}

for (const stream of [false, true]) {
  test(`an exception of Bedrock, streamed: ${stream}`, async () => {
    const prompt = script({ error: { type: "ThrottlingException" } });
    await assert.rejects(openai.responses.create(ask(prompt, { stream })), OpenAI.RateLimitError);
  });
}

test("a fault within a stream is an error and never an end", async () => {
  const prompt = script({ deltas: ["one ", "two ", "three "], error: { type: "InternalServerException", after_events: 3 } });
  const types = [];
  await assert.rejects(async () => {
    for await (const event of await openai.responses.create(ask(prompt, { stream: true }))) types.push(event.type);
  }, OpenAI.APIError);
  assert.ok(types.includes("response.output_text.delta"), "the text before the fault is lost");
  assert.ok(!types.includes("response.completed"));
});
