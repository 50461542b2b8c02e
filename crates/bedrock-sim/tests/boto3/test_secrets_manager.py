"""The simulator's Secrets Manager as AWS's own Python SDK sees it."""

import json
import urllib.request

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

REGION = "us-east-1"


@pytest.fixture
def secrets(simulator):
    """A client, and what puts secrets in place of all others: secrets(secret=None), put(**stored)."""

    def connect(secret=None):
        return boto3.client(
            "secretsmanager",
            region_name=REGION,
            endpoint_url=simulator["simulator"][REGION],
            aws_access_key_id=simulator["access_key_id"],
            aws_secret_access_key=secret or simulator["secret_access_key"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def put(stored):
        url = simulator["simulator"][REGION] + "/_sim/secrets"
        request = urllib.request.Request(url, json.dumps(stored).encode(), method="PUT")
        assert urllib.request.urlopen(request).status == 200

    yield connect, put
    put({})


def refusal(client, name):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.get_secret_value(SecretId=name)
    return caught.value.response["Error"]["Code"]


def test_a_text_and_bytes_are_given_by_name_and_by_arn(secrets):
    connect, put = secrets
    put({"nova/pepper": {"text": "a secret"}, "bytes": {"binary": "AAEC"}})
    given = connect().get_secret_value(SecretId="nova/pepper")
    assert given["SecretString"] == "a secret" and given["Name"] == "nova/pepper"
    assert connect().get_secret_value(SecretId=given["ARN"])["SecretString"] == "a secret"
    assert connect().get_secret_value(SecretId="bytes")["SecretBinary"] == bytes([0, 1, 2])


def test_refusals_have_the_names_that_the_sdk_knows(secrets):
    connect, put = secrets
    put({"denied": {"error": {"name": "AccessDeniedException", "message": "not authorized"}}})
    assert refusal(connect(), "denied") == "AccessDeniedException"
    assert refusal(connect(), "nobody") == "ResourceNotFoundException"
    assert refusal(connect(secret="another"), "denied") == "InvalidSignatureException"
