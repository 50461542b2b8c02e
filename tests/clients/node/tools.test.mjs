// Tools: called in every way, in parallel, plain and streamed, and answered.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import OpenAI from "openai";
import { ask, client, tool } from "./system.mjs";

let openai;
before(async () => {
  openai = await client();
});

const tools = [tool("get_weather"), tool("get_tides")];
const named = { type: "function", function: { name: "get_tides" } };
const choices = [
  ["auto", "Use get_weather and get_tides", ["get_weather", "get_tides"]],
  ["required", "Hello", ["get_weather"]],
  [named, "Hello", ["get_tides"]],
  ["none", "Use get_weather", []],
];

function check(choice, names) {
  const calls = choice.message.tool_calls ?? [];
  assert.deepEqual(calls.map((call) => call.function.name), names);
  assert.equal(new Set(calls.map((call) => call.id)).size, names.length);
  for (const call of calls) {
    const input = JSON.parse(call.function.arguments);
    assert.equal(typeof input.city, "string");
    assert.ok(Number.isInteger(input.days));
  }
  assert.equal(choice.finish_reason, names.length ? "tool_calls" : "stop");
}

for (const [choice, text, names] of choices) {
  const request = ask(text, { tools, tool_choice: choice });
  test(`calls, plain: ${JSON.stringify(choice)}`, async () => {
    check((await openai.chat.completions.create(request)).choices[0], names);
  });
  test(`calls, streamed: ${JSON.stringify(choice)}`, async () => {
    check((await openai.chat.completions.stream(request).finalChatCompletion()).choices[0], names);
  });
}

for (const streamed of [false, true]) {
  test(`results go back, streamed: ${streamed}`, async () => {
    const question = ask("Use get_weather and get_tides", { tools });
    const { message } = (await openai.chat.completions.create(question)).choices[0];
    const results = message.tool_calls.map((call, index) => ({
      role: "tool",
      tool_call_id: call.id,
      content: index ? "high at noon" : '{"sky":"clear"}',
    }));
    const request = { ...question, messages: [...question.messages, message, ...results] };
    const answer = streamed
      ? await openai.chat.completions.stream(request).finalChatCompletion()
      : await openai.chat.completions.create(request);
    assert.match(answer.choices[0].message.content, /clear/);
    assert.match(answer.choices[0].message.content, /high at noon/);
    assert.equal(answer.choices[0].finish_reason, "stop");
  });
}

test("the helper that runs tools comes to an end", async () => {
  const asked = [];
  const definition = tool("get_weather").function;
  const run = async (input) => {
    asked.push(input);
    return "clear sky";
  };
  const runnable = { type: "function", function: { ...definition, function: run, parse: JSON.parse } };
  const runner = openai.chat.completions.runTools(ask("Use get_weather", { tools: [runnable] }));
  assert.match(await runner.finalContent(), /clear sky/);
  assert.equal(asked.length, 1);
  assert.equal(typeof asked[0].city, "string");
});

test("legacy functions are handled or refused by name", async () => {
  const request = ask("Use get_weather", { functions: [tools[0].function] });
  try {
    const [choice] = (await openai.chat.completions.create(request)).choices;
    assert.equal(choice.finish_reason, "function_call");
    assert.equal(choice.message.function_call.name, "get_weather");
  } catch (error) {
    assert.ok(error instanceof OpenAI.BadRequestError, `${error}`);
    assert.equal(error.param, "functions");
    assert.match(error.message, /tools/);
  }
});
