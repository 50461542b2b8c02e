"""Every error as the client's own exception."""

import openai
import pytest
from asking import ask, script

# AWS's exception; the client's class, status and code (no code: any).
EXCEPTIONS = [
    ("ThrottlingException", openai.RateLimitError, 429, "rate_limit_exceeded"),
    ("ServiceQuotaExceededException", openai.RateLimitError, 429, "insufficient_quota"),
    ("ModelNotReadyException", openai.InternalServerError, 503, None),
    ("AccessDeniedException", openai.PermissionDeniedError, 403, None),
    ("ResourceNotFoundException", openai.NotFoundError, 404, None),
    ("ModelTimeoutException", openai.APIStatusError, 408, None),
    ("ModelErrorException", openai.APIStatusError, 424, "model_error"),
    ("InternalServerException", openai.InternalServerError, 500, None),
    ("ServiceUnavailableException", openai.InternalServerError, 503, None),
    ("ValidationException", openai.BadRequestError, 400, None),
]


def caught(expected, act) -> openai.APIStatusError:
    with pytest.raises(expected) as raised:
        act()
    assert type(raised.value) is expected
    assert raised.value.message
    assert raised.value.type
    assert raised.value.request_id, "an error without x-request-id"
    return raised.value


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("exception", "expected", "status", "code"), EXCEPTIONS)
def test_exceptions_of_bedrock(client, exception, expected, status, code, streamed):
    request = ask(script(error={"type": exception}), stream=streamed)
    error = caught(expected, lambda: client.chat.completions.create(**request))
    assert error.status_code == status
    assert code is None or error.code == code
    assert "123456789012" not in str(error.body), "an AWS account id is disclosed"
    if code == "insufficient_quota":
        assert error.response.headers["x-should-retry"] == "false"


def test_a_wrong_key(client):
    error = caught(openai.AuthenticationError, lambda: client.with_options(api_key="sk-wrong").chat.completions.create(**ask()))
    assert error.code == "invalid_api_key"


def test_a_key_that_may_not_use_the_model(restricted):
    assert restricted.chat.completions.create(**ask()).choices[0].finish_reason == "stop"
    caught(openai.PermissionDeniedError, lambda: restricted.chat.completions.create(**{**ask(), "model": "gpt-4o"}))


def test_an_unknown_model(client):
    error = caught(openai.NotFoundError, lambda: client.chat.completions.create(**{**ask(), "model": "gpt-17"}))
    assert error.code == "model_not_found"
    assert "gpt-4o-mini" in error.message, "the message does not list what is served"


def test_a_wrong_value_names_its_parameter(client):
    error = caught(openai.BadRequestError, lambda: client.chat.completions.create(**{**ask(), "messages": []}))
    assert error.param == "messages"


def test_a_body_over_the_limit(restricted):
    error = caught(openai.APIStatusError, lambda: restricted.chat.completions.create(**ask("x" * (3 << 20))))
    assert error.status_code == 413


def test_a_path_that_is_not_there(client):
    caught(openai.NotFoundError, lambda: client.post("/no/such/path", cast_to=object, body={}))


def test_a_wrong_method(client):
    assert caught(openai.APIStatusError, lambda: client.get("/chat/completions", cast_to=object)).status_code == 405


def test_a_wrong_content_type(client):
    headers = {"content-type": "text/plain"}
    act = lambda: client.post("/chat/completions", cast_to=object, body=ask(), options={"headers": headers})  # noqa: E731
    assert caught(openai.APIStatusError, act).status_code == 415


FAULTS = [
    {"error": {"type": "ThrottlingException", "message": "half-way", "after_events": 3}},
    {"error": {"type": "ModelStreamErrorException", "message": "half-way", "after_events": 3}},
    {"error": {"type": "InternalServerException", "message": "half-way", "after_events": 3}},
    {"disconnect_after_events": 3},
    {"end_after_events": 3},
    {"corrupt_event": 3},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_within_a_stream_is_an_error_and_never_an_end(client, fault):
    chunks = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in client.chat.completions.create(**ask(script(deltas=["one ", "two ", "three ", "four"], **fault)), stream=True):
            chunks.append(chunk)
    # Neither a broken connection nor a status: the proxy itself tells what happened.
    assert type(raised.value) is openai.APIError
    assert raised.value.message
    assert chunks, "the text before the fault is lost"
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)


def test_the_client_retries_what_can_get_better(client):
    """With its retries on, the client gets over one fault that the proxy passes on."""
    key = "python-client-retries"
    prompt = script(text="in the end", key=key, times=4, error={"type": "ThrottlingException"})
    answer = client.with_options(max_retries=4).chat.completions.create(**ask(prompt))
    assert answer.choices[0].message.content == "in the end"
