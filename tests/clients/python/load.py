"""A steady load by the official client, for tests in which something else happens meanwhile: whole answers and streams in turn, at
each address, until SIGTERM.

    load.py MODEL BASE_URL…

Prints ten times a second a line of JSON that says how many requests were answered well and how many were not, and at the end one
that tells why not. Its own retries are off, since they would hide what the proxies answer.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys

import openai
from asking import script, user

# For each address; every one of them asks this often at most, so that the load leaves room for what the test is about.
WORKERS = 2
INTERVAL_SECONDS = 0.1
PIECES = ["one ", "two ", "three"]
PROMPT = script(deltas=PIECES, delta_delay_ms=5)
SHOWN_FAILURES = 20


class Load:
    def __init__(self, model: str):
        self.model = model
        self.answered = 0
        self.failed = 0
        self.failures: list[str] = []
        self.stop = asyncio.Event()

    async def worker(self, client: openai.AsyncOpenAI, number: int) -> None:
        while not self.stop.is_set():
            number += 1
            pause = asyncio.create_task(asyncio.sleep(INTERVAL_SECONDS))
            try:
                text, reason = await (self.streamed if number % 2 else self.whole)(client)
                if (text, reason) != ("".join(PIECES), "stop"):
                    raise RuntimeError(f"not the whole answer: {text!r}, {reason}")
                self.answered += 1
            except Exception as error:  # Whatever goes wrong is what the load is for.
                self.failed += 1
                if len(self.failures) < SHOWN_FAILURES:
                    self.failures.append(f"{client.base_url}: {type(error).__name__}: {error}")
            await pause

    async def whole(self, client: openai.AsyncOpenAI) -> tuple[str | None, str]:
        answer = await client.chat.completions.create(model=self.model, messages=user(PROMPT))
        return answer.choices[0].message.content, answer.choices[0].finish_reason

    async def streamed(self, client: openai.AsyncOpenAI) -> tuple[str, str | None]:
        text, reason = "", None
        stream = await client.chat.completions.create(model=self.model, messages=user(PROMPT), stream=True)
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            reason = chunk.choices[0].finish_reason or reason
        return text, reason

    def tell(self, **more) -> None:
        print(json.dumps({"answered": self.answered, "failed": self.failed, **more}), flush=True)

    async def run(self, addresses: list[str]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stop.set)
        key = os.environ.get("OPENAI_API_KEY", "none")
        clients = [openai.AsyncOpenAI(base_url=address, api_key=key, max_retries=0, timeout=60) for address in addresses]
        workers = [asyncio.create_task(self.worker(client, number)) for client in clients for number in range(WORKERS)]
        while not self.stop.is_set():
            self.tell()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.stop.wait(), timeout=0.1)
        await asyncio.gather(*workers)
        for client in clients:
            await client.close()
        self.tell(failures=self.failures)


async def main(model: str, *addresses: str) -> None:
    await Load(model).run(list(addresses))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
