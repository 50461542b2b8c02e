"""Parameters: honored, or dropped by name."""

import openai
import pytest
from asking import ask, script


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_of_tokens_cuts(client, name):
    answer = client.chat.completions.create(**ask(script(text="word " * 200), **{name: 5}))
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens <= 5


@pytest.mark.parametrize("stop", ["END", ["END", "FIN"]])
def test_stop_sequences_cut(client, stop):
    answer = client.chat.completions.create(**ask(script(text="before END after FIN"), stop=stop))
    assert answer.choices[0].finish_reason == "stop"
    assert "after" not in answer.choices[0].message.content


def test_n_answers(client):
    answer = client.chat.completions.create(**ask(script(text="again"), n=3))
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert {choice.message.content for choice in answer.choices} == {"again"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 7), ("presence_penalty", 0.5), ("frequency_penalty", 0.5), ("logit_bias", {"50256": -100})],
)
def test_what_nova_cannot_do_is_named(client, name, value):
    raw = client.chat.completions.with_raw_response.create(**ask(**{name: value}))
    assert raw.parse().choices[0].finish_reason == "stop"
    assert raw.headers["x-nova-dropped-params"].split(",") == [name]
    assert raw.headers["x-request-id"]


def test_several_dropped_parameters_are_all_named(client):
    raw = client.chat.completions.with_raw_response.create(**ask(seed=7, presence_penalty=0.5))
    dropped = [name.strip() for name in raw.headers["x-nova-dropped-params"].split(",")]
    assert sorted(dropped) == ["presence_penalty", "seed"]


def test_nothing_dropped_nothing_named(client):
    raw = client.chat.completions.with_raw_response.create(**ask(temperature=0.5, top_p=0.5))
    assert "x-nova-dropped-params" not in raw.headers


def test_harmless_parameters_are_accepted(client):
    answer = client.chat.completions.create(**ask(script(text="ok"), user="somebody", metadata={"team": "red"}, store=False))
    assert answer.choices[0].message.content == "ok"


@pytest.mark.parametrize(
    ("parameters", "param"),
    [({"temperature": 3}, "temperature"), ({"top_p": -1}, "top_p"), ({"max_tokens": 0}, "max_tokens"), ({"n": 0}, "n"), ({"n": 9}, "n")],
)
def test_values_out_of_range_are_refused_by_name(client, parameters, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**ask(**parameters))
    assert caught.value.param == param


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_reasoning_effort_is_honored_or_named(client, effort):
    raw = client.chat.completions.with_raw_response.create(**ask(reasoning_effort=effort, temperature=0.5, max_tokens=50))
    answer = raw.parse()
    assert answer.choices[0].finish_reason == "stop"
    dropped = raw.headers.get("x-nova-dropped-params", "")
    reasoned = answer.usage.completion_tokens_details and answer.usage.completion_tokens_details.reasoning_tokens
    assert "reasoning_effort" in dropped or reasoned is not None
