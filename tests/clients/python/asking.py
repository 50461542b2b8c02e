"""Requests: plain ones, and those whose answer follows a script."""

import json

# A model that the default mapping of OpenAI's names serves.
MODEL = "gpt-4o-mini"


def user(content) -> list[dict]:
    return [{"role": "user", "content": content}]


def ask(content="Hello", **parameters) -> dict:
    """The arguments of a chat request with one user message."""
    return {"model": MODEL, "messages": user(content), **parameters}


def script(**keys) -> str:
    """A prompt whose answer the simulator takes from these keys."""
    return f"Follow the script. [[sim {json.dumps(keys)}]]"


def tool(name: str) -> dict:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": "Tells the weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
                "required": ["city", "days"],
                "additionalProperties": False,
            },
        },
    }
