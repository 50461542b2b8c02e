"""The Responses API: plain, streamed, with tools, in a type, and refused."""

import json

import openai
import pytest
from asking import MODEL, script
from asking import tool as chat_tool
from pydantic import BaseModel
from test_async import run


class Person(BaseModel):
    name: str
    age: int


def ask(content="Hello", **parameters) -> dict:
    return {"model": MODEL, "input": content, **parameters}


def tool(name: str) -> dict:
    """A tool in the flat form of Responses."""
    return {"type": "function", "strict": True, **chat_tool(name)["function"]}


TOOLS = [tool("get_weather"), tool("get_tides")]
CHOICES = [
    ("auto", "Use get_weather and get_tides", ["get_weather", "get_tides"]),
    ("required", "Hello", ["get_weather"]),
    ({"type": "function", "name": "get_tides"}, "Hello", ["get_tides"]),
    ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_tides"}]}, "Hello", ["get_tides"]),
    ("none", "Use get_weather", []),
]


def calls(response) -> list:
    return [item for item in response.output if item.type == "function_call"]


def test_an_answer_has_the_shape_of_openais(client):
    response = client.responses.create(**ask(script(text="forty-two"), instructions="Be brief.", metadata={"team": "search"}))
    assert response.id.startswith("resp_")
    assert response.output_text == "forty-two"
    assert response.status == "completed"
    assert response.error is None
    assert response.incomplete_details is None
    assert response.model == MODEL
    assert response.instructions == "Be brief."
    assert response.metadata == {"team": "search"}
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    # The client's own check of every field against its types. An integer is a float for it only when it is lenient.
    type(response).model_validate(response.model_dump())


def test_what_the_request_said_is_repeated(client):
    response = client.responses.create(**ask("Hello", tools=TOOLS, tool_choice="none", temperature=0.5, max_output_tokens=50))
    assert [(tool.type, tool.name, tool.parameters["type"]) for tool in response.tools] == [
        ("function", "get_weather", "object"),
        ("function", "get_tides", "object"),
    ]
    assert (response.tool_choice, response.temperature, response.max_output_tokens) == ("none", 0.5, 50)
    assert response.parallel_tool_calls is True


def test_a_conversation_goes_in_as_items(client):
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Remember the word."}]},
        {"role": "assistant", "content": "I do."},
        {"role": "user", "content": script(text="still here")},
    ]
    assert client.responses.create(**ask(items)).output_text == "still here"


def test_an_answer_goes_back_as_it_came(client):
    first = client.responses.create(**ask(script(text="one")))
    items = [{"role": "user", "content": "Hello"}, *first.output, {"role": "user", "content": script(text="two")}]
    assert client.responses.create(**ask(items)).output_text == "two"


def test_an_image_goes_in(client):
    png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
    parts = [{"type": "input_text", "text": script(text="a dot")}, {"type": "input_image", "image_url": png, "detail": "auto"}]
    assert client.responses.create(**ask([{"role": "user", "content": parts}])).output_text == "a dot"


def test_events_make_up_the_answer(client):
    deltas = ["He", "llo, ", "wörld 🌍", "!"]
    events = list(client.responses.create(**ask(script(deltas=deltas)), stream=True))
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 4,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == deltas
    last = events[-1].response
    assert last.output_text == "".join(deltas)
    assert last.id == events[0].response.id
    assert last.usage.total_tokens > 0
    for event in events:
        type(event).model_validate(event.model_dump())


def test_the_stream_helper_accumulates(client):
    with client.responses.stream(**ask(script(deltas=["one ", "two"]))) as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert snapshots == ["one ", "one two"]
    assert final.output_text == "one two"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("reason", "status", "detail"),
    [
        ("max_tokens", "incomplete", "max_output_tokens"),
        ("stop_sequence", "completed", None),
        ("content_filtered", "incomplete", "content_filter"),
        ("guardrail_intervened", "incomplete", "content_filter"),
    ],
)
def test_reasons_to_stop(client, reason, status, detail, streamed):
    request = ask(script(text="some", stop_reason=reason))
    if streamed:
        last = list(client.responses.create(**request, stream=True))[-1]
        assert last.type == f"response.{status}"
        response = last.response
    else:
        response = client.responses.create(**request)
    assert response.status == status
    assert (response.incomplete_details and response.incomplete_details.reason) == detail
    assert response.output_text == "some"
    assert response.output[-1].status == status


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("choice", "text", "names"), CHOICES)
def test_calls(client, choice, text, names, streamed):
    request = ask(text, tools=TOOLS, tool_choice=choice)
    if streamed:
        with client.responses.stream(**request) as stream:
            done = [event.name for event in stream if event.type == "response.function_call_arguments.done"]
            response = stream.get_final_response()
        assert done == names
    else:
        response = client.responses.create(**request)
    assert [call.name for call in calls(response)] == names
    assert len({call.call_id for call in calls(response)}) == len(names)
    for call in calls(response):
        arguments = json.loads(call.arguments)
        assert isinstance(arguments["city"], str)
        assert isinstance(arguments["days"], int)
    assert response.status == "completed"


@pytest.mark.parametrize("streamed", [False, True])
def test_results_go_back(client, streamed):
    items = [{"role": "user", "content": "Use get_weather and get_tides"}]
    first = client.responses.create(**ask(items, tools=TOOLS))
    items += first.output
    for call, result in zip(calls(first), ['{"sky": "clear"}', "high at noon"], strict=True):
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    request = ask(items, tools=TOOLS)
    if streamed:
        with client.responses.stream(**request) as stream:
            response = stream.get_final_response()
    else:
        response = client.responses.create(**request)
    assert "clear" in response.output_text
    assert "high at noon" in response.output_text
    assert not calls(response)


def test_parse_gives_the_type(client):
    response = client.responses.parse(**ask("Describe a person"), text_format=Person)
    assert isinstance(response.output_parsed, Person)
    assert not calls(response)


def test_the_stream_helper_gives_the_type(client):
    with client.responses.stream(**ask("Describe a person"), text_format=Person) as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        response = stream.get_final_response()
    assert isinstance(response.output_parsed, Person)
    assert "".join(pieces) == response.output_text


@pytest.mark.parametrize(
    ("parameters", "param", "word"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "input"),
        ({"conversation": "conv_1"}, "conversation", "input"),
        ({"background": True}, "background", "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "instructions"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "web_search"),
        ({"tools": [TOOLS[0], {"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "tools[1].type", "file_search"),
        ({"input": []}, "input", "empty"),
        ({"input": [{"role": "user", "content": "x"}, {"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]}, "input[1].content[0].image_url", "data:"),
        ({"input": [{"type": "function_call_output", "call_id": "x", "output": "1"}]}, "input[0].call_id", "x"),
        ({"input": [{"role": "user", "content": 1}]}, "input[0].content", "array"),
        ({"temperature": 9}, "temperature", "9"),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "array"}}}}, "text.format.schema", "object"),
    ],
    ids=str,
)
def test_what_is_refused_is_named(client, parameters, param, word):
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.create(**{**ask(), **parameters})
    assert raised.value.param == param
    assert word in raised.value.message


def test_what_is_dropped_is_named(client):
    raw = client.responses.with_raw_response.create(**ask(store=True, truncation="auto", text={"verbosity": "low"}))
    assert raw.parse().status == "completed"
    assert raw.headers["x-nova-dropped-params"].split(", ") == ["truncation", "store", "text.verbosity"]
    assert "x-nova-dropped-params" not in client.responses.with_raw_response.create(**ask()).headers


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("exception", "expected"),
    [("ThrottlingException", openai.RateLimitError), ("AccessDeniedException", openai.PermissionDeniedError), ("ValidationException", openai.BadRequestError)],
)
def test_exceptions_of_bedrock(client, exception, expected, streamed):
    with pytest.raises(expected) as raised:
        client.responses.create(**ask(script(error={"type": exception})), stream=streamed)
    assert raised.value.request_id


def test_a_wrong_key(client):
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-wrong").responses.create(**ask())


FAULTS = [
    {"error": {"type": "ModelStreamErrorException", "message": "half-way", "after_events": 3}},
    {"disconnect_after_events": 3},
    {"end_after_events": 3},
    {"corrupt_event": 3},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_within_a_stream_is_an_error_and_never_an_end(client, fault):
    events = []
    with pytest.raises(openai.APIError) as raised:
        for event in client.responses.create(**ask(script(deltas=["one ", "two ", "three ", "four"], **fault)), stream=True):
            events.append(event)
    # Neither a broken connection nor a status: the proxy itself tells what happened.
    assert type(raised.value) is openai.APIError
    assert raised.value.message
    assert any(event.type == "response.output_text.delta" for event in events), "the text before the fault is lost"
    assert not any(event.type in ("response.completed", "response.incomplete", "response.failed") for event in events)


def test_an_answer_that_the_model_spoils_has_failed(client):
    request = ask(script(text="some", stop_reason="malformed_model_output"))
    last = list(client.responses.create(**request, stream=True))[-1]
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error.code == "server_error"
    assert last.response.usage.output_tokens > 0, "what was paid is not told"
    with pytest.raises(openai.APIStatusError) as raised:
        client.responses.create(**request)
    assert raised.value.status_code == 424


def test_the_asynchronous_client_streams(system):
    async def act(client):
        async with client.responses.stream(**ask(script(deltas=["one ", "two"]))) as stream:
            return (await stream.get_final_response()).output_text

    assert run(system, act) == "one two"
