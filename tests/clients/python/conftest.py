"""The system under test, once for all tests: `nova-local up`, as the README starts it."""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass

import openai
import pytest
from asking import MODEL
from programs import Program, binary


@dataclass
class System:
    base_url: str
    api_key: str
    simulator: dict[str, str]


@pytest.fixture(scope="session")
def system():
    # NOVA_READY holds a ready line: then the suite runs against a system that somebody else started.
    if ready := os.environ.get("NOVA_READY"):
        ready = json.loads(ready)
        yield System(ready["base_url"], ready["api_key"], ready["simulator"])
        return
    local = Program([binary("nova-local"), "up", "--listen", "127.0.0.1:0", "--json"])
    ready = local.ready()
    yield System(ready["base_url"], ready["api_key"], ready["simulator"])
    local.stop()


@pytest.fixture(scope="session")
def client(system):
    """The official client. Its own retries are off: they would hide what the proxy answers."""
    with openai.OpenAI(base_url=system.base_url, api_key=system.api_key, max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def restricted(system, tmp_path_factory):
    """A proxy of its own, at which `sk-mini` may use one model alone and a body may have 1 MiB."""
    folder = tmp_path_factory.mktemp("restricted")
    pepper = b"0123456789abcdef" * 4
    (folder / "pepper").write_bytes(pepper)
    (folder / "pepper").chmod(0o600)
    record = {
        "id": "key_mini",
        "name": "one model",
        "hmac_sha256": hmac.new(pepper, b"sk-mini", hashlib.sha256).hexdigest(),
        "models": [MODEL],
        "disabled": False,
        "created_at": "2026-01-01T00:00:00Z",
    }
    (folder / "keys.json").write_text(json.dumps({"version": 1, "keys": [record]}))
    (folder / "proxy.hcl").write_text(
        f"""
listen  = "127.0.0.1:0"
metrics = "127.0.0.1:0"
bedrock {{
  region   = "us-east-1"
  endpoint = "{system.simulator["us-east-1"]}"
}}
auth {{
  keys_file   = "{folder}/keys.json"
  pepper_file = "{folder}/pepper"
}}
limits {{
  body_bytes = "1MiB"
}}
"""
    )
    credentials = {"AWS_ACCESS_KEY_ID": "AKIDSIMULATOR", "AWS_SECRET_ACCESS_KEY": "simulator-secret-access-key"}
    proxy = Program([binary("nova-proxy"), "serve", "--json", "--config", str(folder / "proxy.hcl")], credentials)
    listen = proxy.ready()["listen"]
    with openai.OpenAI(base_url=f"http://{listen}/v1", api_key="sk-mini", max_retries=0, timeout=60) as client:
        yield client
    proxy.stop()
