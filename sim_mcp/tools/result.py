"""One answer in both forms: some hosts show the model only the text, some only the structure."""

from collections.abc import Callable
from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel

from sim_mcp.sanitize import quoted


class Answer(BaseModel):
    """Hold structured content; what is unknown is left out, for an absent key costs a model nothing."""

    def wire(self) -> dict[str, Any]:
        """Return the structured content as JSON, without nulls."""
        return self.model_dump(mode="json", exclude_none=True, by_alias=True)


def keep_properties(*names: str) -> Callable[[dict[str, Any]], None]:
    """Return a `json_schema_extra` that leaves only these properties in a schema, which allows the others unnamed."""

    def slim(schema: dict[str, Any]) -> None:
        schema["properties"] = {name: {"type": schema["properties"][name]["type"]} for name in names}
        schema.pop("required", None)

    return slim


def respond(answer: Answer, text: str, note: str | None = None) -> CallToolResult:
    """Return a tool result that holds the same facts twice: as structured content and as text.

    A note, such as which SIM was taken, stands above the text, and before the answer's own hint.
    """
    wire = answer.wire()
    if note is not None:
        wire["hint"] = join_hints(note, wire.get("hint"))
        text = f"{note}\n{text}"
    return CallToolResult(content=[TextContent(text=text)], structured_content=wire)


def join_hints(*hints: str | None) -> str | None:
    """Return the hints that say anything as one, or None."""
    return " ".join(filter(None, hints)) or None


def render_shared_customer(customer: str | None) -> str | None:
    """Return the line above rows that all belong to one customer; it has to stand inside the fence, with the rows."""
    return f"all of customer {quoted(customer)}:" if customer else None
