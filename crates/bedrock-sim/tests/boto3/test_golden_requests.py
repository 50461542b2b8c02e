"""The requests that the proxy's translation makes, replayed by AWS's own client.

botocore checks each against AWS's model before it sends it, and the simulator checks it as Bedrock does. The requests are the golden files
of nova-translate: what is recorded there is shown to be acceptable here.
"""

import base64
import json
import tomllib
from pathlib import Path

import pytest

TRANSLATE = Path(__file__).resolve().parents[3] / "nova-translate"
FIXTURES = TRANSLATE / "fixtures" / "requests"
MODELS = {model["short_name"]: model for model in tomllib.loads((TRANSLATE / "data" / "models.toml").read_text())["model"]}


def recorded(fixture):
    """The Converse body that is recorded for a fixture, or None when the request is refused."""
    snapshot = FIXTURES / f"requests_translate_as_recorded@{fixture.name}.snap"
    _, _, body = snapshot.read_text().split("---\n", 2)
    return json.loads(body).get("converse")


def model_id(target):
    """What the home region us-east-1 calls for a fixture's target."""
    return f"us.{MODELS[target]['id']}" if target in MODELS else target


def with_bytes(value):
    """botocore wants bytes where the wire has base64."""
    if isinstance(value, dict):
        return {
            key: base64.b64decode(below) if key == "bytes" and isinstance(below, str) else with_bytes(below)
            for key, below in value.items()
        }
    if isinstance(value, list):
        return [with_bytes(item) for item in value]
    return value


def cases():
    for fixture in sorted(FIXTURES.glob("*.json")):
        body = recorded(fixture)
        if body is not None:
            target = json.loads(fixture.read_text())["target"]
            yield pytest.param(model_id(target), with_bytes(body), id=fixture.stem)


CASES = list(cases())


def test_there_are_requests_to_replay():
    assert len(CASES) > 60


@pytest.mark.parametrize(("model", "body"), CASES)
def test_a_translated_request_is_accepted_whole(client, model, body):
    reply = client.converse(modelId=model, **body)
    assert reply["output"]["message"]["role"] == "assistant"
    assert reply["usage"]["totalTokens"] > 0


@pytest.mark.parametrize(("model", "body"), CASES)
def test_a_translated_request_is_accepted_as_a_stream(client, model, body):
    events = list(client.converse_stream(modelId=model, **body)["stream"])
    assert "messageStop" in events[-2] and "metadata" in events[-1]
