"""Tool calls as they go over the wire, and what counts as an answer."""

import json
from typing import Any, NamedTuple

from benchmarks.common import plain

VERSION, LEGACY_VERSION = "2026-07-28", "2025-11-25"


class Call(NamedTuple):
    """Hold a tool call as it goes over the wire."""

    url: str
    tool: str
    arguments: dict[str, Any]

    def body(self) -> str:
        """Return the JSON-RPC request."""
        namespace = "io.modelcontextprotocol"
        about = {"name": "benchmark", "version": "1"}
        meta = {
            f"{namespace}/protocolVersion": VERSION,
            f"{namespace}/clientInfo": about,
            f"{namespace}/clientCapabilities": {},
        }
        params = {"name": self.tool, "arguments": self.arguments, "_meta": meta}
        return plain({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

    def legacy_body(self) -> str:
        """Return the JSON-RPC request of a client of 2025, where no sessions are kept."""
        params = {"name": self.tool, "arguments": self.arguments}
        return plain({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

    def legacy_headers(self) -> dict[str, str]:
        """Return the headers the protocol of 2025 asks for."""
        return {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": LEGACY_VERSION,
        }

    def headers(self) -> dict[str, str]:
        """Return the headers the protocol asks for."""
        return {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": VERSION,
            "MCP-Method": "tools/call",
            "MCP-Name": self.tool,
        }


def check_answered(body: str) -> None:
    """Check that a JSON-RPC response, alone or as a server-sent event, holds the result of a tool that did not fail.

    Raises:
        AssertionError: It does not.
    """
    parse_answer(body)


def parse_answer(body: str) -> dict[str, Any]:
    """Return the structured content of a tool's result, of one that did not fail.

    Raises:
        AssertionError: There is no such result.
    """
    events = [line.removeprefix("data:") for line in body.splitlines() if line.startswith("data:")]
    response = json.loads(events[-1] if events else body)
    assert "error" not in response, body
    assert response["result"]["content"], body
    assert not response["result"].get("isError", False), body
    structured: dict[str, Any] = response["result"].get("structuredContent", {})
    return structured
