"""What most records hold: an id with its description."""

from typing import Any

from pydantic import AliasChoices, Field, field_validator

from sim_mcp.emnify.values import Record, Text, Whole


class Label(Record):
    """An id with its description; some services call the description a name."""

    id: Whole | None = None
    description: Text | None = Field(default=None, validation_alias=AliasChoices("description", "name"))

    @field_validator("description", mode="before")
    @classmethod
    def _strip_blanks(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @property
    def text(self) -> str | None:
        """Return the description, or the id where there is none."""
        return self.description or (None if self.id is None else str(self.id))
