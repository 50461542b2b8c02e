"""Images as the official client reads them."""

import base64

import openai
import pytest
from asking import script

# Named by the configuration of `nova-local up`.
MODEL = "gpt-image-1"


def drawn(answer):
    return [base64.b64decode(image.b64_json, validate=True) for image in answer.data]


def test_images_come_as_base64(client):
    answer = client.images.generate(model=MODEL, prompt="a cat", n=2, size="1024x1024", quality="high")
    images = drawn(answer)
    assert len(images) == 2
    assert images[0] != images[1]
    assert all(image.startswith(b"\x89PNG\r\n\x1a\n") for image in images)
    assert answer.created > 1_700_000_000
    assert answer.data[0].url is None
    type(answer).model_validate(answer.model_dump(), strict=True)


def test_a_seed_repeats_the_image(client):
    images = [
        drawn(client.images.generate(model=MODEL, prompt="a cat", extra_body={"seed": seed}))[0] for seed in (1, 1, 2)
    ]
    assert images[0] == images[1] != images[2]


def test_what_is_dropped_is_named(client):
    reply = client.images.with_raw_response.generate(model=MODEL, prompt="a cat", style="vivid", moderation="low")
    assert reply.headers["x-nova-dropped-params"] == "style, moderation"


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"response_format": "url"}, "response_format"),
        ({"stream": True}, "stream"),
        ({"size": "256x256"}, "size"),
        ({"n": 6}, "n"),
        ({"background": "transparent"}, "background"),
        ({"output_format": "jpeg"}, "output_format"),
        ({"prompt": "x" * 1025}, "prompt"),
    ],
    ids=str,
)
def test_what_cannot_be_drawn(client, arguments, param):
    with pytest.raises(openai.BadRequestError) as raised:
        client.images.generate(**{"model": MODEL, "prompt": "a cat", **arguments})
    assert raised.value.param == param


@pytest.mark.parametrize("blocked", [1, 2])
def test_images_that_are_held_back(client, blocked):
    with pytest.raises(openai.BadRequestError) as raised:
        client.images.generate(model=MODEL, prompt=script(blocked_images=blocked), n=2)
    assert raised.value.code == "content_policy_violation"
    assert raised.value.response.headers["x-should-retry"] == "false"


def test_a_fault_is_the_clients_own_exception(client):
    with pytest.raises(openai.RateLimitError):
        client.images.generate(model=MODEL, prompt=script(error={"type": "ThrottlingException"}))
