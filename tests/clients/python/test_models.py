"""The list of models."""

import openai
import pytest
from asking import MODEL


def test_models_are_listed_and_retrieved(client):
    models = client.models.list().data
    assert MODEL in [model.id for model in models]
    for model in models:
        assert client.models.retrieve(model.id) == model
        assert model.object == "model"


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-17")
    assert caught.value.code == "model_not_found"


def test_a_key_sees_its_own_models(restricted):
    assert [model.id for model in restricted.models.list().data] == [MODEL]
