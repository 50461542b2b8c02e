"""Plain answers, whole and streamed."""

import pytest
from asking import ask, script


def test_an_answer_has_all_that_the_client_types(client):
    answer = client.chat.completions.create(**ask(script(text="forty-two")))
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == "forty-two"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    # The client's own check of every field against its types.
    type(answer).model_validate(answer.model_dump(), strict=True)


def test_an_unscripted_answer_reflects_the_question(client):
    answer = client.chat.completions.create(**ask("What about pelicans?"))
    assert "pelicans" in answer.choices[0].message.content


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_are_accepted(client, role):
    messages = [{"role": role, "content": "Be brief."}, *ask(script(text="ok"))["messages"]]
    assert client.chat.completions.create(**{**ask(), "messages": messages}).choices[0].message.content == "ok"


def test_chunks_make_up_the_answer(client):
    deltas = ["He", "llo, ", "wörld 🌍", "!"]
    chunks = list(client.chat.completions.create(**ask(script(deltas=deltas)), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "".join(deltas)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


def test_usage_comes_last_when_asked_for(client):
    plain = client.chat.completions.create(**ask("Hello"))
    *others, last = client.chat.completions.create(**ask("Hello"), stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage.prompt_tokens == plain.usage.prompt_tokens
    assert last.usage.completion_tokens == plain.usage.completion_tokens
    assert all(chunk.usage is None for chunk in others)


def test_cached_tokens_are_told(client):
    usage = {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 7}
    answer = client.chat.completions.create(**ask(script(text="ok", usage=usage)))
    assert answer.usage.prompt_tokens == 117
    assert answer.usage.prompt_tokens_details.cached_tokens == 100


def test_the_stream_helper_accumulates(client):
    with client.chat.completions.stream(**ask(script(deltas=["one ", "two"]))) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta" and event.delta]
        final = stream.get_final_completion()
    assert pieces == ["one ", "two"]
    assert final.choices[0].message.content == "one two"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("max_tokens", "length"), ("stop_sequence", "stop"), ("content_filtered", "content_filter"), ("guardrail_intervened", "content_filter")],
)
def test_reasons_to_stop(client, reason, expected):
    answer = client.chat.completions.create(**ask(script(text="some", stop_reason=reason)))
    assert answer.choices[0].finish_reason == expected
