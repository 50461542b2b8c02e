"""InvokeModel and CountTokens as AWS's own Python SDK sees them, and the golden requests of nova-translate replayed by it."""

import base64
import json
import struct
import zlib
from pathlib import Path

import botocore.exceptions
import pytest

TITAN = "amazon.titan-embed-text-v2:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
CANVAS = "amazon.nova-canvas-v1:0"
LITE = "amazon.nova-lite-v1:0"

TRANSLATE = Path(__file__).resolve().parents[3] / "nova-translate"
MODEL_IDS = {
    "titan-embed-text-v1": "amazon.titan-embed-text-v1",
    "titan-embed-text-v2": TITAN,
    "titan-embed-image-v1": "amazon.titan-embed-image-v1",
    "nova-2-multimodal-embeddings": NOVA,
    "nova-canvas": CANVAS,
}


def invoke(client, model, body):
    response = client.invoke_model(modelId=model, body=json.dumps(body), contentType="application/json")
    assert response["contentType"] == "application/json"
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    return json.loads(response["body"].read()), headers


def draw(prompt, **config):
    return {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": prompt}, "imageGenerationConfig": config}


def recorded(kind):
    """The bodies that are recorded for the fixtures of that kind, each with its model."""
    for fixture in sorted((TRANSLATE / "fixtures" / kind).glob("*.json")):
        snapshot = fixture.with_name(f"{kind}_translate_as_recorded@{fixture.name}.snap")
        _, _, outcome = snapshot.read_text().split("---\n", 2)
        bodies = json.loads(outcome).get("invoke")
        if bodies is None:
            continue
        target = json.loads(fixture.read_text())["target"]
        for index, body in enumerate(bodies if isinstance(bodies, list) else [bodies]):
            yield pytest.param(MODEL_IDS[target], body, id=f"{kind}-{fixture.stem}-{index}")


CASES = [*recorded("embeddings"), *recorded("images")]


def test_there_are_requests_to_replay():
    assert len(CASES) > 12


@pytest.mark.parametrize(("model", "body"), CASES)
def test_a_translated_request_is_accepted_whole(client, model, body):
    answer, _ = invoke(client, model, body)
    assert answer.get("embedding") or answer.get("embeddings") or answer.get("images")


def test_a_vector_follows_from_its_text(client):
    first, headers = invoke(client, TITAN, {"inputText": "a text"})
    again, _ = invoke(client, TITAN, {"inputText": "a text"})
    other, _ = invoke(client, TITAN, {"inputText": "another text"})
    assert first["embedding"] == again["embedding"] != other["embedding"]
    assert sum(number * number for number in first["embedding"]) == pytest.approx(1, abs=1e-4)
    assert headers["x-amzn-bedrock-input-token-count"] == str(first["inputTextTokenCount"]) == "2"


def test_images_are_png(client):
    answer, _ = invoke(client, CANVAS, draw("a cat", numberOfImages=2, width=320, height=1280))
    for image in answer["images"]:
        image = base64.b64decode(image, validate=True)
        assert image[:8] == b"\x89PNG\r\n\x1a\n"
        at, kinds, pixels = 8, [], b""
        while at < len(image):
            (length,) = struct.unpack(">I", image[at : at + 4])
            chunk = image[at + 4 : at + 8 + length]
            assert struct.unpack(">I", image[at + 8 + length : at + 12 + length])[0] == zlib.crc32(chunk)
            kinds.append(chunk[:4])
            if chunk[:4] == b"IDAT":
                pixels = zlib.decompress(chunk[4:])
            at += 12 + length
        assert kinds == [b"IHDR", b"IDAT", b"IEND"]
        assert len(pixels) == 4, "a filter byte and one pixel in red, green and blue"


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (TITAN, {"inputText": "a", "dimensions": 300}),
        (TITAN, {"inputText": "a", "oops": 1}),
        (NOVA, {"inputText": "a"}),
        (CANVAS, draw("a cat", width=1000)),
        (CANVAS, draw("")),
        ("us." + LITE, {"messages": []}),
    ],
    ids=str,
)
def test_what_a_model_does_not_read_is_refused(client, model, body):
    with pytest.raises(client.exceptions.ValidationException):
        invoke(client, model, body)


@pytest.mark.parametrize("exception", ["ThrottlingException", "ModelErrorException", "ModelTimeoutException"])
def test_scripted_exceptions_are_the_clients_own(client, exception):
    script = json.dumps({"error": {"type": exception}})
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        invoke(client, TITAN, {"inputText": f"[[sim {script}]]"})
    assert raised.value.response["Error"]["Code"] == exception


def test_tokens_of_nova_are_not_counted(client):
    messages = [{"role": "user", "content": [{"text": "hello"}]}]
    for model in (LITE, "us." + LITE):
        with pytest.raises(client.exceptions.ValidationException, match="doesn't support counting tokens"):
            client.count_tokens(modelId=model, input={"converse": {"messages": messages}})


def test_a_script_makes_tokens_count(client):
    text = '[[sim {"counts_tokens": true}]]'
    converse = {"messages": [{"role": "user", "content": [{"text": text}]}], "system": [{"text": "twelve chars"}]}
    counted = client.count_tokens(modelId=LITE, input={"converse": converse})
    assert counted["inputTokens"] == -(-len(text) // 4) + 3
