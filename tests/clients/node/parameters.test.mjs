// Parameters: honored, or dropped by name.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import OpenAI from "openai";
import { ask, client, script } from "./system.mjs";

let openai;
before(async () => {
  openai = await client();
});

for (const name of ["max_tokens", "max_completion_tokens"]) {
  test(`${name} cuts`, async () => {
    const answer = await openai.chat.completions.create(ask(script({ text: "word ".repeat(200) }), { [name]: 5 }));
    assert.equal(answer.choices[0].finish_reason, "length");
    assert.ok(answer.usage.completion_tokens <= 5);
  });
}

for (const stop of ["END", ["END", "FIN"]]) {
  test(`stop sequences cut: ${JSON.stringify(stop)}`, async () => {
    const answer = await openai.chat.completions.create(ask(script({ text: "before END after" }), { stop }));
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.ok(!answer.choices[0].message.content.includes("after"));
  });
}

test("n answers", async () => {
  const answer = await openai.chat.completions.create(ask(script({ text: "again" }), { n: 3 }));
  assert.deepEqual(answer.choices.map((choice) => [choice.index, choice.message.content]), [[0, "again"], [1, "again"], [2, "again"]]);
});

for (const [name, value] of [
  ["seed", 7],
  ["presence_penalty", 0.5],
  ["frequency_penalty", 0.5],
  ["logit_bias", { 50256: -100 }],
]) {
  test(`${name} is dropped by name`, async () => {
    const { data, response } = await openai.chat.completions.create(ask("Hello", { [name]: value })).withResponse();
    assert.equal(data.choices[0].finish_reason, "stop");
    assert.equal(response.headers.get("x-nova-dropped-params"), name);
  });
}

for (const [parameters, param] of [
  [{ temperature: 3 }, "temperature"],
  [{ top_p: -1 }, "top_p"],
  [{ max_tokens: 0 }, "max_tokens"],
  [{ n: 9 }, "n"],
]) {
  test(`${JSON.stringify(parameters)} is refused by name`, async () => {
    await assert.rejects(openai.chat.completions.create(ask("Hello", parameters)), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError, `${error}`);
      assert.equal(error.param, param);
      return true;
    });
  });
}
