"""Starts the programs under test and stops them by their process ids.

Knows how they are started and what they print when they are ready; what they answer is for the tests to judge.
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_SECONDS = 30
STOP_SECONDS = 15


def binary(name: str) -> str:
    """The program to test: named by the environment, or the release build of this tree."""
    variable = name.upper().replace("-", "_") + "_BIN"
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = pathlib.Path(os.environ.get(variable, target / "release" / name))
    if not path.is_file():
        raise RuntimeError(f"{path} is missing: cargo build --release -p {name}, or set {variable}")
    return str(path)


class Program:
    """A running program and its outputs, which are shown when it does not do what it should."""

    def __init__(self, arguments: list[str], environment: dict[str, str] | None = None):
        self.folder = tempfile.TemporaryDirectory(prefix="nova-clients-")
        self.outputs = [pathlib.Path(self.folder.name, name) for name in ("stdout", "stderr")]
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        files = [path.open("wb") for path in self.outputs]
        self.name = pathlib.Path(arguments[0]).name
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=files[0],
            stderr=files[1],
            cwd=self.folder.name,
            env={**inherited, "AWS_EC2_METADATA_DISABLED": "true", **(environment or {})},
        )
        for file in files:
            file.close()

    def report(self) -> str:
        return "\n".join(f"--- {path.name} of {self.name} ---\n{path.read_text(errors='replace')}" for path in self.outputs)

    def ready(self) -> dict:
        """The line of JSON that the program prints when it is ready."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for line in self.outputs[0].read_text(errors="replace").split("\n")[:-1]:
                if line.startswith("{"):
                    return json.loads(line)
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended ({self.process.returncode}) before it was ready\n{self.report()}")
            time.sleep(0.01)
        self.process.kill()
        raise RuntimeError(f"{self.name} was not ready after {START_SECONDS} s\n{self.report()}")

    def stop(self) -> None:
        """Stops it by SIGTERM; that it ends clean is part of the contract."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.name} had to be killed\n{self.report()}") from None
        if code != 0:
            raise RuntimeError(f"{self.name} ended with {code}\n{self.report()}")
        self.folder.cleanup()
