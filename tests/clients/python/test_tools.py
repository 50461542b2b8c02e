"""Tools: called in every way, in parallel, plain and streamed, and answered."""

import json

import openai
import pytest
from asking import ask, script, tool, user

TOOLS = [tool("get_weather"), tool("get_tides")]
NAMED = {"type": "function", "function": {"name": "get_tides"}}
CHOICES = [
    ("auto", "Use get_weather and get_tides", ["get_weather", "get_tides"]),
    ("required", "Hello", ["get_weather"]),
    (NAMED, "Hello", ["get_tides"]),
    ("none", "Use get_weather", []),
]


def check(calls, names):
    assert [call.function.name for call in calls or []] == names
    assert len({call.id for call in calls or []}) == len(names)
    for call in calls or []:
        arguments = json.loads(call.function.arguments)
        assert isinstance(arguments["city"], str)
        assert isinstance(arguments["days"], int)


@pytest.mark.parametrize(("choice", "text", "names"), CHOICES)
def test_calls_plain(client, choice, text, names):
    answer = client.chat.completions.create(**ask(text, tools=TOOLS, tool_choice=choice)).choices[0]
    check(answer.message.tool_calls, names)
    assert answer.finish_reason == ("tool_calls" if names else "stop")


@pytest.mark.parametrize(("choice", "text", "names"), CHOICES)
def test_calls_streamed(client, choice, text, names):
    with client.chat.completions.stream(**ask(text, tools=TOOLS, tool_choice=choice)) as stream:
        done = [event.name for event in stream if event.type == "tool_calls.function.arguments.done"]
        answer = stream.get_final_completion().choices[0]
    check(answer.message.tool_calls, names)
    assert done == names
    assert answer.finish_reason == ("tool_calls" if names else "stop")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("choice", ["auto", "none"])
def test_results_go_back(client, choice, streamed):
    first = client.chat.completions.create(**ask("Use get_weather and get_tides", tools=TOOLS)).choices[0].message
    messages = [*user("Use get_weather and get_tides"), first.model_dump(exclude_none=True)]
    for call, result in zip(first.tool_calls, ['{"sky": "clear"}', "high at noon"], strict=True):
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    request = {**ask(tools=TOOLS, tool_choice=choice), "messages": messages}
    if streamed:
        with client.chat.completions.stream(**request) as stream:
            answer = stream.get_final_completion().choices[0]
    else:
        answer = client.chat.completions.create(**request).choices[0]
    assert answer.message.content
    # Without tools the simulator takes the results for a question, and repeats only a part of it.
    if choice == "auto":
        assert "clear" in answer.message.content
        assert "high at noon" in answer.message.content
    assert not answer.message.tool_calls
    assert answer.finish_reason == "stop"


def test_one_call_at_a_time_is_honored_or_named(client):
    raw = client.chat.completions.with_raw_response.create(
        **ask("Use get_weather and get_tides", tools=TOOLS, parallel_tool_calls=False)
    )
    calls = raw.parse().choices[0].message.tool_calls
    dropped = raw.headers.get("x-nova-dropped-params", "")
    assert len(calls) == 1 or "parallel_tool_calls" in dropped


def test_text_and_call_together(client):
    prompt = script(text="Let me look.", tool_uses=[{"name": "get_weather", "input": {"city": "Zürich", "days": 3}}])
    answer = client.chat.completions.create(**ask(prompt, tools=TOOLS)).choices[0]
    assert answer.message.content == "Let me look."
    assert json.loads(answer.message.tool_calls[0].function.arguments) == {"city": "Zürich", "days": 3}


def test_a_tool_without_parameters(client):
    bare = {"type": "function", "function": {"name": "get_time"}}
    answer = client.chat.completions.create(**ask("Hello", tools=[bare], tool_choice="required")).choices[0]
    assert answer.message.tool_calls[0].function.name == "get_time"
    assert isinstance(json.loads(answer.message.tool_calls[0].function.arguments), dict)


def test_legacy_functions_are_handled_or_refused_by_name(client):
    function = TOOLS[0]["function"]
    try:
        answer = client.chat.completions.create(**ask("Use get_weather", functions=[function])).choices[0]
    except openai.BadRequestError as error:
        assert error.param == "functions"
        assert "tools" in error.message
    else:
        assert answer.finish_reason == "function_call"
        assert answer.message.function_call.name == "get_weather"
