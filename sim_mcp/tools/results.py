"""One answer in both forms: some hosts show the model only the text, some only the structure."""

from mcp.types import CallToolResult, TextContent

from sim_mcp.tools.answers import Answer


def answer(structure: Answer, text: str) -> CallToolResult:
    """Return a tool result that holds the same facts twice."""
    return CallToolResult(content=[TextContent(text=text)], structured_content=structure.wire())
