"""Every kind of change: a module of this room that defines one is found by being there."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from inspect import isabstract, isclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field

from sim_mcp.changes.kinds.kind import Kind
from sim_mcp.emnify import SimStatus


def _discovered() -> Iterator[type[Kind]]:
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        for value in vars(module).values():
            if (
                isclass(value)
                and issubclass(value, Kind)
                and not isabstract(value)
                and value.__module__ == module.__name__
            ):
                yield value


KINDS: tuple[type[Kind], ...] = tuple(_discovered())
"""By the names of their modules."""
STATUSES: Mapping[str, tuple[str, ...]] = {kind.tool: tuple(status.word for status in kind.statuses) for kind in KINDS}
"""The words of the statuses that each tool which changes SIMs may set."""

_ANY_STATUS = tuple(status.word for status in SimStatus if any(status.word in words for words in STATUSES.values()))

# What no type checker can follow: unions of what is found at run time.
if TYPE_CHECKING:
    AnyKind = Kind
    ToolName = str
    StatusWord = str
else:
    AnyKind = Annotated[Union[KINDS], Field(discriminator="kind")]  # noqa: UP007  # of a tuple.
    ToolName = Literal[tuple(STATUSES)]
    StatusWord = Literal[_ANY_STATUS]


def label_recorded(change: Mapping[str, Any]) -> Any:
    """Return what stands for a whole change in the journal, such as a BIC; empty where its items are single SIMs.

    The change is JSON of any version, and may be damaged: what it holds there is returned as it is.
    """
    field = next((kind.label_field for kind in KINDS if kind.model_fields["kind"].default == change.get("kind")), None)
    return change.get(field, "") if field is not None else ""
