"""The simulator as AWS's own Python SDK sees it: botocore signs, parses and names the errors."""

import json
import pathlib
import urllib.request

import botocore.exceptions
import pytest

from extract_model import extract

LITE = "us.amazon.nova-lite-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
PNG = b"\x89PNG\r\n\x1a\n"
TOOL = {
    "toolSpec": {
        "name": "get_weather",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    }
}

EXCEPTIONS = {
    "AccessDeniedException": 403,
    "ThrottlingException": 429,
    "ResourceNotFoundException": 404,
    "ModelTimeoutException": 408,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
    "ValidationException": 400,
    "ModelNotReadyException": 429,
    "ModelErrorException": 424,
    "ServiceQuotaExceededException": 400,
}
STREAM_EXCEPTIONS = [
    "internalServerException",
    "modelStreamErrorException",
    "validationException",
    "throttlingException",
    "serviceUnavailableException",
]


def user(*blocks):
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def scripted(**script):
    return [user(f"[[sim {json.dumps(script)}]]")]


def text_of(response):
    return "".join(block.get("text", "") for block in response["output"]["message"]["content"])


def test_the_service_model_equals_botocores():
    path = pathlib.Path(__file__).parents[2] / "model" / "converse.json"
    assert json.loads(path.read_text()) == extract(), "run extract_model.py again"


@pytest.mark.parametrize(
    ("region", "model"),
    [
        ("us-east-1", "amazon.nova-micro-v1:0"),
        ("us-west-2", LITE),
        ("us-east-1", "global.amazon.nova-2-lite-v1:0"),
        ("us-east-1", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0"),
    ],
)
def test_converse_answers(connect, region, model):
    response = connect(region).converse(modelId=model, messages=[user("hello")])
    assert "hello" in text_of(response)
    assert response["stopReason"] == "end_turn"
    assert response["ResponseMetadata"]["RequestId"]
    assert response["metrics"]["latencyMs"] > 0


def test_usage_is_disjoint_and_adds_up(client):
    system = [{"text": "A system prompt that only this test has."}, {"cachePoint": {"type": "default"}}]
    usages = [
        client.converse(modelId=LITE, system=system, messages=[user("hi")])["usage"] for _ in range(2)
    ]
    assert [usage["cacheWriteInputTokens"] for usage in usages] == [10, 0]
    assert [usage["cacheReadInputTokens"] for usage in usages] == [0, 10]
    for usage in usages:
        assert usage["inputTokens"] == 1
        parts = ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"]
        assert usage["totalTokens"] == sum(usage[part] for part in parts)


def test_media_are_received(client):
    content = user(
        "look",
        {"image": {"format": "png", "source": {"bytes": PNG}}},
        {"document": {"format": "pdf", "name": "report", "source": {"bytes": b"%PDF-1.4"}}},
    )
    text = text_of(client.converse(modelId=LITE, messages=[content]))
    assert "image (png, 8 bytes)" in text and "(pdf, 8 bytes)" in text


def test_a_tool_round_trip(client):
    config = {"tools": [TOOL]}
    question = user("use get_weather")
    first = client.converse(modelId=LITE, messages=[question], toolConfig=config)
    assert first["stopReason"] == "tool_use"
    call = first["output"]["message"]["content"][0]["toolUse"]
    assert call["name"] == "get_weather" and call["input"] == {"city": "city"}
    result = user({"toolResult": {"toolUseId": call["toolUseId"], "content": [{"json": {"degrees": 21}}]}})
    turns = [question, first["output"]["message"], result]
    second = client.converse(modelId=LITE, messages=turns, toolConfig=config)
    assert '"degrees":21' in text_of(second)
    with pytest.raises(client.exceptions.ValidationException, match="Expected toolResult blocks at messages.2.content"):
        client.converse(modelId=LITE, messages=[*turns[:2], user("no")], toolConfig=config)


def test_a_stream_has_text_call_and_usage(client):
    messages = scripted(text="hello world", chunks=4, tool_uses=[{"name": "get_weather", "input": {"city": "Rome"}}])
    events = list(client.converse_stream(modelId=LITE, messages=messages)["stream"])
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(delta.get("text", "") for delta in deltas) == "hello world"
    arguments = "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)
    assert json.loads(arguments) == {"city": "Rome"}
    starts = [event["contentBlockStart"] for event in events if "contentBlockStart" in event]
    assert [start["contentBlockIndex"] for start in starts] == [1]
    assert events[0] == {"messageStart": {"role": "assistant"}}
    assert events[-2] == {"messageStop": {"stopReason": "tool_use"}}
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0


def test_reasoning_comes_first(client):
    fields = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}
    response = client.converse(modelId=NOVA_2, messages=[user("think")], additionalModelRequestFields=fields)
    first = response["output"]["message"]["content"][0]
    assert first["reasoningContent"]["reasoningText"]["text"] == "[REDACTED]"


@pytest.mark.parametrize(("name", "status"), EXCEPTIONS.items())
@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
def test_every_exception_before_the_stream_is_botocores_class(client, operation, name, status):
    messages = scripted(error={"type": name, "message": "on purpose"})
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(client, operation)(modelId=LITE, messages=messages)
    assert isinstance(caught.value, getattr(client.exceptions, name))
    assert caught.value.response["Error"]["Message"] == "on purpose"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize("name", STREAM_EXCEPTIONS)
def test_every_exception_within_a_stream_is_raised(client, name):
    exception = name[0].upper() + name[1:]
    messages = scripted(text="hello", error={"type": exception, "after_events": 2})
    stream = client.converse_stream(modelId=LITE, messages=messages)["stream"]
    seen = []
    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        for event in stream:
            seen += event
    assert caught.value.response["Error"]["Code"] == name
    assert seen == ["messageStart", "contentBlockDelta"]


def test_a_corrupt_frame_is_noticed(client):
    stream = client.converse_stream(modelId=LITE, messages=scripted(text="a", corrupt_event=1))["stream"]
    with pytest.raises(botocore.eventstream.ChecksumMismatch):
        list(stream)


def test_a_wrong_secret_is_refused(connect):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        connect(secret="wrong").converse(modelId=LITE, messages=[user("a")])
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_unexpected_session_token_is_refused(connect):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        connect(token="stale").converse(modelId=LITE, messages=[user("a")])
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_a_signature_for_another_region_is_refused(connect, simulator):
    client = connect("us-east-1", endpoint=simulator["simulator"]["us-west-2"])
    with pytest.raises(botocore.exceptions.ClientError, match="scoped to a valid region"):
        client.converse(modelId=LITE, messages=[user("a")])


def test_a_model_without_its_profile_is_refused(connect):
    client = connect("us-west-2")
    with pytest.raises(client.exceptions.ValidationException, match="on-demand throughput"):
        client.converse(modelId="amazon.nova-lite-v1:0", messages=[user("a")])


def test_the_bill_is_what_the_usages_said(client, simulator):
    metadata = {"test": "bill"}
    usage = client.converse(modelId=LITE, messages=[user("the bill")], requestMetadata=metadata)["usage"]
    with urllib.request.urlopen(simulator["simulator"]["us-east-1"] + "/_sim/bill", timeout=20) as response:
        billed = [entry for entry in json.load(response)["requests"] if entry["request_metadata"] == metadata]
    assert [entry["usage"]["output_tokens"] for entry in billed] == [usage["outputTokens"]]
    assert [entry["usage"]["input_tokens"] for entry in billed] == [usage["inputTokens"]]
