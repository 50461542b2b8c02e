"""Structured output, by the helpers that applications use."""

import json
from enum import Enum

import openai
import pytest
from asking import ask, script, tool
from pydantic import BaseModel


class Color(str, Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    number: int


class Person(BaseModel):
    name: str
    age: int
    favorite: Color
    home: Address
    nicknames: list[str]
    score: float | None


def test_parse_gives_the_type(client):
    answer = client.chat.completions.parse(**ask("Describe a person"), response_format=Person).choices[0]
    assert isinstance(answer.message.parsed, Person)
    assert answer.finish_reason == "stop"
    assert not answer.message.tool_calls


def test_the_stream_helper_gives_the_type(client):
    with client.chat.completions.stream(**ask("Describe a person"), response_format=Person) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta" and event.delta]
        answer = stream.get_final_completion().choices[0]
    assert isinstance(answer.message.parsed, Person)
    assert "".join(pieces) == answer.message.content
    assert answer.finish_reason == "stop"
    assert not answer.message.tool_calls


def test_structured_output_beside_tools(client):
    strict = tool("get_weather")
    strict["function"]["strict"] = True
    answer = client.chat.completions.parse(**ask("Describe a person", tools=[strict]), response_format=Person).choices[0]
    if answer.message.tool_calls:
        assert answer.message.tool_calls[0].function.name == "get_weather"
        assert answer.finish_reason == "tool_calls"
    else:
        assert isinstance(answer.message.parsed, Person)


def test_any_json_object(client):
    request = ask(script(text='{"ok": true}'), response_format={"type": "json_object"})
    assert json.loads(client.chat.completions.create(**request).choices[0].message.content) == {"ok": True}


def test_a_cut_off_answer_is_not_taken_for_a_whole_one(client):
    prompt = script(text='{"name": "Ad', stop_reason="max_tokens")
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(**ask(prompt), response_format=Person)
