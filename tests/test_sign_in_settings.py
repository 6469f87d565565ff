"""What an operator decides about who signs in, and what is refused before anything starts."""

from pathlib import Path

import pytest

from sim_mcp.settings import SettingsError, read_settings
from tests.processes.test_commands import invoked
from tests.processes.test_serving import environment

PUBLIC = {"SIM_MCP_PUBLIC_URL": "https://sims.example.com"}


def test_tokens_are_for_the_public_address_unless_the_issuer_calls_it_otherwise(tmp_path: Path) -> None:
    chosen = {"SIM_MCP_PUBLIC_URL": "https://SIMS.example.com:443/", "SIM_MCP_ISSUER": " https://login.example.com/ "}
    settings = read_settings(chosen, tmp_path / ".env")
    assert (settings.public_url, settings.resource) == ("https://sims.example.com", "https://sims.example.com/mcp")
    assert settings.issuer == "https://login.example.com/"  # letter by letter, but for blanks around it.
    assert settings.token_types == {"at+jwt"}


@pytest.mark.parametrize(
    ("chosen", "variable"),
    [
        ({"SIM_MCP_ISSUER": "https://login.example.com"}, "SIM_MCP_PUBLIC_URL"),
        ({**PUBLIC, "SIM_MCP_ISSUER": "http://login.example.com"}, "SIM_MCP_ISSUER"),
        ({**PUBLIC, "SIM_MCP_ISSUER": "https://login.example.com/?a=1"}, "SIM_MCP_ISSUER"),
        ({**PUBLIC, "SIM_MCP_JWKS_URI": "file:///etc/keys"}, "SIM_MCP_JWKS_URI"),
        ({"SIM_MCP_PUBLIC_URL": "http://sims.example.com"}, "SIM_MCP_PUBLIC_URL"),
        ({"SIM_MCP_PUBLIC_URL": "https://sims.example.com/mcp"}, "SIM_MCP_PUBLIC_URL"),
        ({"SIM_MCP_PUBLIC_URL": "https://me:secret@sims.example.com"}, "SIM_MCP_PUBLIC_URL"),
        ({"SIM_MCP_SCOPE_MAP": "admins=sims:all"}, "SIM_MCP_SCOPE_MAP"),
        ({"SIM_MCP_SCOPE_MAP": "admins"}, "SIM_MCP_SCOPE_MAP"),
        ({"SIM_MCP_KEYS": "keys.json"}, "SIM_MCP_KEYS"),
        ({"SIM_MCP_MAX_CALLS_PER_MINUTE": "0"}, "SIM_MCP_MAX_CALLS_PER_MINUTE"),
        ({"SIM_MCP_MAX_OPEN_PLANS": "none"}, "SIM_MCP_MAX_OPEN_PLANS"),
    ],
)
def test_what_would_let_in_the_wrong_ones_or_nobody_is_refused(
    chosen: dict[str, str], variable: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=variable) as caught:
        read_settings(chosen, tmp_path / ".env")
    assert "Nothing was started" in str(caught.value)


def test_a_role_may_hold_blanks_and_an_equals_sign(tmp_path: Path) -> None:
    chosen = {"SIM_MCP_SCOPE_MAP": "cn=fleet admins,ou=x = sims:read sims:write; helpdesk=sims:read;"}
    mapped = read_settings(chosen, tmp_path / ".env").scope_map
    assert mapped == {"cn=fleet admins,ou=x": {"sims:read", "sims:write"}, "helpdesk": {"sims:read"}}


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [(["--host", "192.0.2.1"], {}), (["--no-key"], PUBLIC), (["--host", "192.0.2.1", "--no-key"], PUBLIC)],
)
def test_nothing_listens_beyond_this_machine_without_a_public_address_or_a_key(
    arguments: list[str], chosen: dict[str, str]
) -> None:
    refused = invoked("serve", "--http", "--port", "0", *arguments, env=environment(None, **chosen))
    assert refused.exit_code == 2
    assert "SIM_MCP_PUBLIC_URL" in refused.stderr
    assert "Nothing was started" in refused.stderr
