"""The prompts a person can start: Markdown files with their arguments declared on top."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from mcp.server import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument
from pydantic import BaseModel, ConfigDict

from sim_mcp.sanitize import clean

_FRONT_MATTER = re.compile(r"\A---\n(?P<head>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)
_PLACE = re.compile(r"\{(\w+)\}")


class Argument(BaseModel):
    """One argument a person fills in; without a default it is required."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    default: str | None = None


class PromptHead(BaseModel):
    """What stands between the dashes on top of a prompt's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    description: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class PromptFile:
    """One prompt: its head, and its text with a place for each argument."""

    name: str
    head: PromptHead
    body: str

    def render(self, given: dict[str, str]) -> str:
        """Fill the places; what a person typed is put on one line and cut at 200 characters."""
        values = {argument.name: argument.default or "" for argument in self.head.arguments}
        values |= {name: clean(value, 200) for name, value in given.items() if value}
        return _PLACE.sub(lambda place: values[place[1]], self.body)


def read_prompt(name: str, text: str) -> PromptFile:
    """Read one prompt file.

    Raises:
        ValueError: The head is missing or wrong, or a place in the text has no argument, or the reverse.
    """
    parts = _FRONT_MATTER.match(text)
    if parts is None:
        raise ValueError(f"prompt {name}: no head between --- lines")
    head = PromptHead.model_validate(yaml.safe_load(parts["head"]))
    body = parts["body"].strip()
    declared, used = {argument.name for argument in head.arguments}, set(_PLACE.findall(body))
    if declared != used:
        raise ValueError(f"prompt {name}: arguments {sorted(declared)} but places {sorted(used)}")
    return PromptFile(name, head, body)


def load_prompts() -> list[PromptFile]:
    """Load every prompt that ships with the package, by name."""
    files = sorted(_folder().iterdir(), key=lambda file: file.name)
    return [
        read_prompt(file.name.removesuffix(".md"), file.read_text(encoding="utf-8"))
        for file in files
        if file.name.endswith(".md") and file.name != "README.md"
    ]


def add_prompts(server: MCPServer[Any]) -> None:
    """Offer every prompt through the server."""
    for prompt in load_prompts():
        server.add_prompt(
            Prompt(
                name=prompt.name,
                title=prompt.head.title,
                description=prompt.head.description,
                arguments=[
                    PromptArgument(
                        name=argument.name,
                        description=argument.description,
                        required=argument.default is None,
                    )
                    for argument in prompt.head.arguments
                ],
                fn=_renderer(prompt),
                context_kwarg=None,
            )
        )


def _renderer(prompt: PromptFile) -> Callable[..., str]:
    def render(**given: str) -> str:
        return prompt.render(given)

    return render


def _folder() -> Traversable:
    shipped = resources.files("sim_mcp") / "_prompts"
    return shipped if shipped.is_dir() else Path(__file__).parent.parent / "prompts"
