"""Embeddings as the official client reads them."""

import math

import openai
import pytest
from asking import script

# OpenAI's names, and how many numbers their vectors have here.
MODELS = [("text-embedding-3-small", 1024), ("text-embedding-3-large", 3072), ("text-embedding-ada-002", 1536)]
MODEL = "text-embedding-3-small"


@pytest.mark.parametrize(("model", "length"), MODELS)
def test_a_vector_in_the_clients_own_default(client, model, length):
    """The client asks for base64 by itself and gives floats."""
    answer = client.embeddings.create(model=model, input="twelve chars")
    assert answer.object == "list"
    assert answer.model == model
    assert len(answer.data) == 1
    assert answer.data[0].index == 0
    assert answer.data[0].object == "embedding"
    assert len(answer.data[0].embedding) == length
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 3
    type(answer).model_validate(answer.model_dump(), strict=True)


def test_floats_and_base64_are_the_same_numbers(client):
    floats = client.embeddings.create(model=MODEL, input="the same", encoding_format="float").data[0].embedding
    by_default = client.embeddings.create(model=MODEL, input="the same").data[0].embedding
    assert floats == pytest.approx(by_default, abs=1e-7)
    assert math.isclose(sum(number * number for number in floats), 1, rel_tol=1e-3)
    raw = client.embeddings.create(model=MODEL, input="the same", encoding_format="base64").data[0].embedding
    assert isinstance(raw, str)


def test_a_batch_keeps_its_order(client):
    texts = [f"text number {number}" for number in range(50)]
    batch = client.embeddings.create(model=MODEL, input=texts)
    assert [entry.index for entry in batch.data] == list(range(50))
    alone = client.embeddings.create(model=MODEL, input=texts[31])
    assert batch.data[31].embedding == alone.data[0].embedding
    assert batch.data[30].embedding != alone.data[0].embedding


def test_dimensions(client):
    assert len(client.embeddings.create(model=MODEL, input="a", dimensions=256).data[0].embedding) == 256
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model=MODEL, input="a", dimensions=1536)
    assert raised.value.param == "dimensions"
    assert "1024, 512, 256" in raised.value.message


def test_an_extension_by_extra_body(client):
    answer = client.embeddings.create(
        model="text-embedding-3-large", input="a", extra_body={"embedding_purpose": "TEXT_RETRIEVAL"}
    )
    assert len(answer.data[0].embedding) == 3072


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "a", "model": "gpt-4o"}, "model"),
    ],
    ids=str,
)
def test_what_cannot_be_embedded(client, arguments, param):
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(**{"model": MODEL, **arguments})
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        ("ThrottlingException", openai.RateLimitError),
        ("AccessDeniedException", openai.PermissionDeniedError),
        ("ServiceUnavailableException", openai.InternalServerError),
    ],
)
def test_one_text_of_many_fails_the_request(client, exception, expected):
    texts = ["good", script(error={"type": exception}), "good"]
    with pytest.raises(expected) as raised:
        client.embeddings.create(model=MODEL, input=texts)
    assert type(raised.value) is expected
    assert raised.value.request_id


def test_a_model_that_embeds_does_not_chat(client):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hello"}])
    assert raised.value.param == "model"
