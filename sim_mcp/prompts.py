"""MCP prompts: Markdown files with YAML front matter that declares their arguments."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
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
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Argument(BaseModel):
    """One argument of a prompt; required unless it has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    default: str | None = None


class FrontMatter(BaseModel):
    """The YAML front matter of a prompt file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    description: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class PromptFile:
    """One prompt: its front matter, and its text with a `{placeholder}` for each argument."""

    name: str
    head: FrontMatter
    body: str

    def render(self, arguments: dict[str, str]) -> str:
        """Fill in the placeholders; each value is put on one line and cut at 200 characters."""
        values = {argument.name: argument.default or "" for argument in self.head.arguments}
        values |= {name: clean(value, 200) for name, value in arguments.items() if value}
        return _PLACEHOLDER.sub(lambda found: values[found[1]], self.body)


def read_prompt(name: str, text: str) -> PromptFile:
    """Parse one prompt file.

    Raises:
        ValueError: The front matter is missing or invalid, or arguments and placeholders differ.
    """
    parts = _FRONT_MATTER.match(text)
    if parts is None:
        raise ValueError(f"prompt {name}: no front matter between --- lines")
    head = FrontMatter.model_validate(yaml.safe_load(parts["head"]))
    body = parts["body"].strip()
    declared, used = {argument.name for argument in head.arguments}, set(_PLACEHOLDER.findall(body))
    if declared != used:
        raise ValueError(f"prompt {name}: arguments {sorted(declared)} but placeholders {sorted(used)}")
    return PromptFile(name, head, body)


@cache
def load_prompts() -> tuple[PromptFile, ...]:
    """Return every prompt that ships with the package, sorted by name."""
    files = sorted(_folder().iterdir(), key=lambda file: file.name)
    return tuple(
        read_prompt(file.name.removesuffix(".md"), file.read_text(encoding="utf-8"))
        for file in files
        if file.name.endswith(".md") and file.name != "README.md"
    )


class PromptArgumentsError(Exception):
    """There is no such prompt, or its arguments do not fit; the message says what would."""


def check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    """Check the arguments of a prompt before it is rendered.

    Raises:
        PromptArgumentsError: The prompt is not known, an argument is missing or not known.
    """
    known = {prompt.name: prompt for prompt in load_prompts()}
    if name not in known:
        raise PromptArgumentsError(f"There is no prompt {name[:40]!r}. Prompts: {', '.join(known)}.")
    declared = known[name].head.arguments
    listed = ", ".join(f"{each.name} ({each.description})" for each in declared)
    missing = [each.name for each in declared if each.default is None and not arguments.get(each.name)]
    if missing:
        raise PromptArgumentsError(f"The prompt {name} needs {' and '.join(missing)}. Its arguments: {listed}.")
    unknown = [repr(word[:40]) for word in arguments if word not in {each.name for each in declared}]
    if unknown:
        raise PromptArgumentsError(f"The prompt {name} has no argument {', '.join(unknown)}. Its arguments: {listed}.")


def add_prompts(server: MCPServer[Any]) -> None:
    """Register every prompt with the server."""
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
    def render(**arguments: str) -> str:
        return prompt.render(arguments)

    return render


def _folder() -> Traversable:
    shipped = resources.files("sim_mcp") / "_prompts"
    return shipped if shipped.is_dir() else Path(__file__).parent.parent / "prompts"
