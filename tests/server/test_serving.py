"""What the operator is told as the server starts."""

from pathlib import Path
from typing import Any

import pytest

from sim_mcp.server.serving import warn_without_sign_in
from sim_mcp.settings import Settings

SIGNED_IN: dict[str, Any] = {
    "public_url": "https://sims.example.com",
    "issuer": "https://login.example.com",
    "client_id": "the-pages",
}


@pytest.mark.parametrize(
    ("policy", "chosen", "people_sign_in", "warned"),
    [
        ('approver = "another"', {}, True, True),
        ('approver = "another"', SIGNED_IN, False, True),
        ('approver = "another"', SIGNED_IN, True, False),
        ('[[rule]]\ndecision = "ask"\napprover = "sims:approve"', {}, True, True),
        ('[[rule]]\ndecision = "ask"\napprover = "requester"', {}, False, False),
    ],
)
def test_a_policy_that_asks_people_who_cannot_sign_in_is_told_at_the_start(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    policy: str,
    chosen: dict[str, Any],
    people_sign_in: bool,
    warned: bool,
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(policy)
    warn_without_sign_in(Settings(policy=file, **chosen), people_sign_in=people_sign_in)
    assert ("SIM_MCP_CLIENT_ID" in capsys.readouterr().err) is warned
