"""Starts `nova-local sim` for the suite and makes boto3 clients that speak to it."""

import json
import os
import subprocess

import boto3
import pytest
from botocore.config import Config

os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

REGION = "us-east-1"
# Seconds. Only a defect waits this long.
PATIENCE = 20


@pytest.fixture(scope="session")
def simulator():
    """The line that the simulator prints when it is ready."""
    program = [os.environ["NOVA_LOCAL_BIN"], "sim", "--json", "--api-key", "test-api-key"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line, f"the simulator ended with {process.wait(PATIENCE)} before it was ready"
            yield json.loads(line)
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0, "SIGTERM ends the simulator cleanly"


@pytest.fixture(scope="session")
def connect(simulator):
    """Makes a client: connect(region, secret, token, endpoint)."""

    def connect(region=REGION, secret=None, token=None, endpoint=None):
        return boto3.client(
            "bedrock-runtime",
            region_name=region,
            endpoint_url=endpoint or simulator["simulator"][region],
            aws_access_key_id=simulator["access_key_id"],
            aws_secret_access_key=secret or simulator["secret_access_key"],
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE),
        )

    return connect


@pytest.fixture(scope="session")
def client(connect):
    return connect()
