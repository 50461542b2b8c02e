// Embeddings and images, as the official client reads them.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import OpenAI from "openai";
import { client, script } from "./system.mjs";

const MODEL = "text-embedding-3-small";
// Named by the configuration of `nova-local up`.
const IMAGES = "gpt-image-1";

let openai;
before(async () => {
  openai = await client();
});

test("a vector in the client's own default", async () => {
  const answer = await openai.embeddings.create({ model: MODEL, input: "twelve chars" });
  assert.equal(answer.data.length, 1);
  assert.equal(answer.data[0].embedding.length, 1024);
  assert.ok(answer.data[0].embedding.every((number) => typeof number === "number"));
  assert.deepEqual(answer.usage, { prompt_tokens: 3, total_tokens: 3 });
});

test("floats and base64 are the same numbers", async () => {
  const [floats, encoded] = await Promise.all(
    ["float", "base64"].map((encoding_format) => openai.embeddings.create({ model: MODEL, input: "x", encoding_format })),
  );
  const bytes = Buffer.from(encoded.data[0].embedding, "base64");
  const numbers = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
  assert.deepEqual(floats.data[0].embedding.map(Math.fround), numbers);
});

test("a batch keeps its order, and dimensions are kept", async () => {
  const input = Array.from({ length: 30 }, (_, number) => `text ${number}`);
  const batch = await openai.embeddings.create({ model: MODEL, input, dimensions: 256 });
  assert.deepEqual(batch.data.map((entry) => entry.index), input.map((_, index) => index));
  const alone = await openai.embeddings.create({ model: MODEL, input: input[17], dimensions: 256 });
  assert.deepEqual(batch.data[17].embedding, alone.data[0].embedding);
});

describe("refusals and faults are the client's own exceptions", () => {
  for (const [name, make, kind, param] of [
    ["tokens", () => openai.embeddings.create({ model: MODEL, input: [1, 2] }), OpenAI.BadRequestError, "input"],
    ["dimensions", () => openai.embeddings.create({ model: MODEL, input: "x", dimensions: 7 }), OpenAI.BadRequestError, "dimensions"],
    [
      "one text of many",
      () => openai.embeddings.create({ model: MODEL, input: ["good", script({ error: { type: "ThrottlingException" } })] }),
      OpenAI.RateLimitError,
    ],
    [
      "an image by URL",
      () => openai.images.generate({ model: IMAGES, prompt: "a cat", response_format: "url" }),
      OpenAI.BadRequestError,
      "response_format",
    ],
    [
      "a prompt that the filters hold back",
      () => openai.images.generate({ model: IMAGES, prompt: script({ blocked_images: 1 }) }),
      OpenAI.BadRequestError,
      "prompt",
    ],
  ]) {
    test(name, async () => {
      await assert.rejects(make, (error) => {
        assert.equal(error.constructor, kind, `${error.constructor.name}: ${error.message}`);
        if (param) assert.equal(error.param, param);
        assert.ok(error.requestID, "an error without x-request-id");
        return true;
      });
    });
  }
});

test("images come as base64", async () => {
  const answer = await openai.images.generate({ model: IMAGES, prompt: "a cat", n: 2, size: "1024x1024" });
  assert.equal(answer.data.length, 2);
  for (const image of answer.data) {
    assert.equal(Buffer.from(image.b64_json, "base64").subarray(1, 4).toString(), "PNG");
  }
});
