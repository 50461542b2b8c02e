// Every error as the client's own exception.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import OpenAI from "openai";
import { ask, client, restrictedClient, script } from "./system.mjs";

let openai;
let restricted;
before(async () => {
  openai = await client();
  restricted = await restrictedClient();
});

/** Checks class, status and code (no code: any) of the error that the call ends with. */
async function fails(call, kind, status, code) {
  await assert.rejects(call, (error) => {
    assert.equal(error.constructor, kind, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status);
    if (code) assert.equal(error.code, code);
    assert.ok(error.message && error.type, `no message or type: ${JSON.stringify(error.error)}`);
    assert.ok(error.requestID, "an error without x-request-id");
    assert.ok(!JSON.stringify(error.error).includes("123456789012"), "an AWS account id is disclosed");
    if (code === "insufficient_quota") assert.equal(error.headers.get("x-should-retry"), "false");
    return true;
  });
}

describe("exceptions of Bedrock", () => {
  for (const [exception, kind, status, code] of [
    ["ThrottlingException", OpenAI.RateLimitError, 429, "rate_limit_exceeded"],
    ["ServiceQuotaExceededException", OpenAI.RateLimitError, 429, "insufficient_quota"],
    ["ModelNotReadyException", OpenAI.InternalServerError, 503],
    ["AccessDeniedException", OpenAI.PermissionDeniedError, 403],
    ["ResourceNotFoundException", OpenAI.NotFoundError, 404],
    ["ModelTimeoutException", OpenAI.APIError, 408],
    ["ModelErrorException", OpenAI.APIError, 424, "model_error"],
    ["InternalServerException", OpenAI.InternalServerError, 500],
    ["ServiceUnavailableException", OpenAI.InternalServerError, 503],
    ["ValidationException", OpenAI.BadRequestError, 400],
  ]) {
    for (const stream of [false, true]) {
      test(`${exception}, streamed: ${stream}`, async () => {
        const prompt = script({ error: { type: exception } });
        await fails(openai.chat.completions.create(ask(prompt, { stream })), kind, status, code);
      });
    }
  }
});

test("a wrong key", async () => {
  const stranger = await client({ apiKey: "sk-wrong" });
  await fails(stranger.chat.completions.create(ask()), OpenAI.AuthenticationError, 401, "invalid_api_key");
});

test("a key that may not use the model", async () => {
  assert.equal((await restricted.chat.completions.create(ask())).choices[0].finish_reason, "stop");
  await fails(restricted.chat.completions.create({ ...ask(), model: "gpt-4o" }), OpenAI.PermissionDeniedError, 403);
});

test("an unknown model", async () => {
  await fails(openai.chat.completions.create({ ...ask(), model: "gpt-17" }), OpenAI.NotFoundError, 404, "model_not_found");
});

test("a body over the limit", async () => {
  await fails(restricted.chat.completions.create(ask("x".repeat(3 << 20))), OpenAI.APIError, 413);
});

test("a path that is not there", async () => {
  await fails(openai.post("/no/such/path", { body: {} }), OpenAI.NotFoundError, 404);
});

test("a wrong method", async () => {
  await fails(openai.get("/chat/completions"), OpenAI.APIError, 405);
});

test("a wrong content type", async () => {
  const headers = { "content-type": "text/plain" };
  await fails(openai.post("/chat/completions", { body: ask(), headers }), OpenAI.APIError, 415);
});

describe("a fault within a stream is an error and never an end", () => {
  for (const fault of [
    { error: { type: "ThrottlingException", message: "half-way", after_events: 3 } },
    { error: { type: "ModelStreamErrorException", message: "half-way", after_events: 3 } },
    { disconnect_after_events: 3 },
    { end_after_events: 3 },
    { corrupt_event: 3 },
  ]) {
    test(JSON.stringify(fault), async () => {
      const prompt = script({ deltas: ["one ", "two ", "three ", "four"], ...fault });
      const stream = await openai.chat.completions.create(ask(prompt, { stream: true }));
      const chunks = [];
      const reading = async () => {
        for await (const chunk of stream) chunks.push(chunk);
      };
      await assert.rejects(reading, (error) => {
        // Neither a broken connection nor a status: the proxy itself tells what happened.
        assert.equal(error.constructor, OpenAI.APIError, `${error.constructor.name}: ${error.message}`);
        return true;
      });
      assert.ok(chunks.length, "the text before the fault is lost");
      assert.ok(chunks.every((chunk) => !chunk.choices[0].finish_reason));
    });
  }
});
