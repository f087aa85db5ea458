"""Whose account of the provider a call is billed to, by what its span and its process say."""

from typing import Any

import pytest

from processors.conventions.rules import NONE, account_rules, provider_rules, words
from processors.conventions.table import load_table
from tests.processors.flushes import row_of
from tests.processors.otlp import request, span

OPENAI, BEDROCK, VERTEX, AZURE = "openai", "aws.bedrock", "gcp.vertex_ai", "azure.ai.openai"
Told = dict[str, Any]
ON_AWS: Told = {"cloud.provider": "aws", "cloud.account.id": "123456789012"}


def _accounts(*cases: tuple[str | None, Told, Told]) -> list[str | None]:
    """Of a call to each provider, with what its span and what its resource says."""
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1}
    made = {
        n: request(span(chat | ({"gen_ai.provider.name": provider} if provider else {}) | said), resource=process)
        for n, (provider, said, process) in enumerate(cases)
    }
    return [row["provider_account"] for row in row_of(made).values()]


@pytest.mark.parametrize("provider", [OPENAI, "anthropic", BEDROCK, VERTEX, AZURE, "groq", None])
def test_any_providers_account_is_told_by_our_own_key_before_all_others(provider: str | None):
    others = {"anthropic.workspace.id": "wrkspc", "openai.project.id": "proj", "gcp.project_id": "gcp"} | ON_AWS
    own = {"spanledger.provider.account": "own"}

    assert _accounts((provider, own | others, ON_AWS), (provider, {}, own | ON_AWS)) == ["own", "own"]


def test_an_openai_project_is_read_off_the_header_or_a_key_and_is_that_of_calls_to_openai_alone():
    header = {"http.request.header.openai-project": ["proj_header"]}
    keys: list[Told] = [{"openai.project.id": "proj"}, {"openai.project_id": "proj"}, {"openai.project": "proj"}]

    assert _accounts((OPENAI, header | keys[0], {})) == ["proj_header"]
    assert _accounts(*((OPENAI, key, {}) for key in keys)) == ["proj"] * 3
    assert _accounts(*((OPENAI, {}, key) for key in keys)) == ["proj"] * 3
    assert _accounts((None, keys[0], {}), (BEDROCK, {}, keys[0]), ("groq", {}, keys[0])) == ["proj", None, None]


def test_a_clouds_account_is_that_of_calls_which_this_cloud_serves():
    gcp = {"cloud.provider": "gcp", "cloud.account.id": "project-1"}
    azure = {"cloud.provider": "azure", "cloud.account.id": "subscription-1"}

    assert _accounts((BEDROCK, {}, ON_AWS), (VERTEX, {}, gcp), (AZURE, {}, azure)) == [
        *("123456789012", "project-1", "subscription-1")
    ]
    assert _accounts((VERTEX, {}, gcp | {"gcp.project_id": "project-2"})) == ["project-2"]
    assert (
        _accounts((BEDROCK, {}, gcp), (OPENAI, {}, azure), ("anthropic", {}, ON_AWS), (None, {}, ON_AWS)) == [None] * 4
    )
    assert _accounts((BEDROCK, {}, {"cloud.account.id": "123456789012"})) == [None]  # of which cloud is not told


def test_an_anthropic_workspace_goes_before_the_cloud():
    assert _accounts((BEDROCK, {"anthropic.workspace.id": "wrkspc"}, ON_AWS)) == ["wrkspc"]


def test_account_rules_speak_of_known_providers_and_fields():
    providers = {word for word in words("provider").values() if word} | {rule.provider for rule in provider_rules()}

    assert {rule.provider for rule in account_rules()} <= {*providers, NONE}
    assert {rule.field for rule in account_rules()} <= {field.name for field in load_table().fields}
