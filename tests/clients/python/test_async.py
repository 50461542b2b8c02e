"""The asynchronous client, and many requests at once."""

import asyncio

import openai
from asking import ask, script

PARALLEL = 50


def run(system, act):
    async def with_client():
        async with openai.AsyncOpenAI(base_url=system.base_url, api_key=system.api_key, max_retries=0, timeout=60) as client:
            return await asyncio.wait_for(act(client), timeout=120)

    return asyncio.run(with_client())


def test_plain_and_streamed(system):
    async def act(client):
        plain = await client.chat.completions.create(**ask(script(text="plain")))
        stream = await client.chat.completions.create(**ask(script(deltas=["str", "eam"])), stream=True)
        return plain.choices[0].message.content, "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert run(system, act) == ("plain", "stream")


def test_many_at_once_get_their_own_answers(system):
    async def one(client, number):
        prompt = script(deltas=[f"answer {number}", " of many"], delta_delay_ms=20)
        if number % 2:
            return (await client.chat.completions.create(**ask(prompt))).choices[0].message.content
        stream = await client.chat.completions.create(**ask(prompt), stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def act(client):
        return await asyncio.gather(*(one(client, number) for number in range(PARALLEL)))

    assert run(system, act) == [f"answer {number} of many" for number in range(PARALLEL)]


def test_a_stream_that_is_left_harms_nobody(system):
    async def act(client):
        stream = await client.chat.completions.create(**ask(script(deltas=["x "] * 200, delta_delay_ms=50)), stream=True)
        async for _ in stream:
            break
        await stream.close()
        return (await client.chat.completions.create(**ask(script(text="still there")))).choices[0].message.content

    assert run(system, act) == "still there"


def test_an_error_is_the_same_exception(system):
    async def act(client):
        try:
            await client.chat.completions.create(**ask(script(error={"type": "ServiceQuotaExceededException"})))
        except openai.RateLimitError as error:
            return error.code
        return None

    assert run(system, act) == "insufficient_quota"
