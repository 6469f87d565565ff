"""The file of workspaces: names, where each token comes from, and who may use which."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from sim_mcp.addresses import split_plain
from sim_mcp.paths import whole_path
from sim_mcp.principal import Principal
from sim_mcp.workspaces.grant import Grant, scopes_in, values_of
from sim_mcp.workspaces.token_source import (
    CommandToken,
    FileToken,
    FixedToken,
    TokenSource,
    TokenUnavailableError,
    as_token,
    read_token_file,
)

VARIABLE = "SIM_MCP_WORKSPACES"
_EXAMPLE = 'a workspace is written [[workspace]], then name = "acme" and token_env = "ACME_TOKEN", a line each'
_TOKENS = ("token_env", "token_file", "token_command", "own_tokens")
# No dot: it ends the name of a workspace in the names of files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


class WorkspacesError(Exception):
    """The file of workspaces cannot be used; the message says where and what to write, and repeats no secret."""


class Workspace(BaseModel):
    """One workspace as the file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    token_env: str | None = None
    token_file: Path | None = None
    token_command: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    own_tokens: bool = Field(default=False, strict=True)
    """Whether each caller enters a token of their own, on a page of this server."""
    organisation: Annotated[int | None, Field(strict=True, ge=1)] = None
    """Where callers bring tokens: the only emnify organisation these may belong to, by its id; None for any."""
    base_url: str | None = None
    allow: tuple[Grant, ...] = ()
    earlier: Annotated[bool, Field(strict=True)] = False
    """Whether what was planned before there was this file, with the one token of then, is of this workspace."""

    _given: SecretStr | None = PrivateAttr(default=None)
    """What the variable held when the file was read."""

    def source(self) -> TokenSource:
        """Return where its token comes from.

        Raises:
            TokenUnavailableError: Nobody read the variables, or each caller has a token of their own.
        """
        if self.own_tokens:
            raise TokenUnavailableError("each caller enters their own")
        if self.token_file is not None:
            return FileToken(self.token_file)
        if self.token_command is not None:
            return CommandToken(self.token_command)
        if self._given is None:
            raise TokenUnavailableError(f"the variable {self.token_env} was not read")
        return FixedToken(self._given)

    def principal(self, who: Principal) -> Principal | None:
        """Return somebody with what they may in this workspace, or None where it is closed to them."""
        scopes = scopes_in(self.name, self.allow, who)
        return None if scopes is None else who.only_with(scopes)

    def works_as(self, other: "Workspace | None") -> bool:
        """Tell whether another reading of it works with the same token and address, whoever may use it."""
        return other is not None and other.model_copy(update={"allow": self.allow}) == self

    def check_token(self, variables: Mapping[str, str]) -> None:
        """Note the token of a variable, and see that a file holds one; a command is run when the token is needed.

        Raises:
            TokenUnavailableError: There is none.
        """
        if self.token_env is not None:
            if not variables.get(self.token_env, "").strip():
                raise TokenUnavailableError(f"its token_env names the variable {self.token_env}, which is not set")
            self._given = as_token(variables[self.token_env].encode(), f"what is in the variable {self.token_env}")
        elif self.token_file is not None:
            read_token_file(self.token_file)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("a name has letters, digits, _ and - only, 40 at most, and begins with a letter or digit")
        return value

    @field_validator("token_env")
    @classmethod
    def _variable(cls, value: str | None) -> str | None:
        if value is not None and not _VARIABLE_NAME.fullmatch(value):
            raise ValueError("token_env names a variable, in capitals, such as ACME_TOKEN; the token goes into that")
        return value

    @field_validator("token_file", mode="before")
    @classmethod
    def _absolute(cls, value: object) -> object:
        return whole_path(value) if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        split_plain(value.strip(), example="https://cdn.emnify.net")
        return value.strip().rstrip("/").removesuffix("/api/v1")

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if sum(getattr(self, name) not in (None, False) for name in _TOKENS) != 1:
            raise ValueError(f"its token comes from one of {', '.join(_TOKENS)}")
        if self.organisation is not None and not self.own_tokens:
            raise ValueError("organisation says whose tokens callers may enter, and goes with own_tokens = true")
        return self


def claims_that_count(workspaces: Iterable[Workspace], claims: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return of somebody's claims what a workspace may be open to them for, by the path of each."""
    kept: dict[str, list[str]] = {}
    for grant in (grant for workspace in workspaces for grant in workspace.allow):
        if grant.claim is not None and grant.value in values_of(claims, grant.claim):
            kept.setdefault(grant.claim, []).append(grant.value)
    return kept


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    workspace: tuple[Workspace, ...]


def read_workspaces(file: Path) -> tuple[Workspace, ...]:
    """Read the file.

    Raises:
        WorkspacesError: It cannot be read, or holds what is no workspace.
    """
    try:
        # Editors on Windows put a mark in front.
        raw = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        found = _Content.model_validate(raw).workspace
    except OSError as error:
        raise _unusable(file, f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise _unusable(file, "cannot be read: it is not UTF-8; save it as UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise _unusable(file, f"is not TOML: {error}; {_EXAMPLE}") from None
    except ValidationError as error:
        problems = "; ".join(dict.fromkeys(_problem(each, raw) for each in error.errors(include_input=False)))
        raise _unusable(file, f"cannot be used: {problems}") from None
    if not found:
        raise _unusable(file, f"names no workspace; {_EXAMPLE}")
    seen: set[str] = set()
    for workspace in found:
        if workspace.name.casefold() in seen:
            raise _unusable(file, f"cannot be used: two workspaces are called {workspace.name}")
        seen.add(workspace.name.casefold())
    if len(holders := [workspace.name for workspace in found if workspace.earlier]) > 1:
        raise _unusable(
            file, f"cannot be used: earlier = true stands in {' and '.join(holders)}: one alone can hold it"
        )
    return found


def read_named_workspaces(variables: Mapping[str, str], *, single_token: str) -> tuple[Workspace, ...]:
    """Return the workspaces of the file that a variable names, none where it names none.

    Each is seen to have a token, as far as that shows without running a command.

    Args:
        variables: the environment and what a file of settings adds to it.
        single_token: the variable of a token where there is no such file; beside one, a workspace has to use it.

    Raises:
        WorkspacesError: The file, or a token, cannot be used.
    """
    if not (named := variables.get(VARIABLE)):
        return ()
    try:
        file = whole_path(named)
    except ValueError as error:
        raise WorkspacesError(f"{VARIABLE} is {named[:80]!r} but {error}. Nothing was started.") from None
    workspaces = read_workspaces(file)
    for workspace in workspaces:
        try:
            workspace.check_token(variables)
        except TokenUnavailableError as error:
            raise _unusable(file, f"cannot be used: workspace {workspace.name}: {error}") from None
    if variables.get(single_token, "").strip() and all(each.token_env != single_token for each in workspaces):
        raise WorkspacesError(
            f"{VARIABLE} and {single_token} are both set, and no workspace of {file} uses that token: unset one, "
            f'or add a workspace with token_env = "{single_token}". Nothing was started.'
        )
    return workspaces


def _unusable(file: Path, why: str) -> WorkspacesError:
    return WorkspacesError(f"{VARIABLE}: {file} {why}. Nothing was started.")


def _problem(error: Any, raw: Mapping[str, Any]) -> str:
    """Word one thing that is wrong: where, and what to write instead; values may be tokens and are not repeated."""
    place, key = error["loc"], str(error["loc"][-1])
    if place[0] != "workspace" or len(place) == 1:
        return f"it knows [[workspace]] alone, in two brackets, one for each; {_EXAMPLE}"
    where = _where(place, raw)
    match error["type"]:
        case "missing":
            return f"{where} has no {key}"
        case "extra_forbidden" if key == "token":
            return f"{where}: a token does not belong into this file; write {', '.join(_TOKENS[:-1])} or {_TOKENS[-1]}"
        case "extra_forbidden":
            known = list((Grant if "allow" in place else Workspace).model_fields)
            near = difflib.get_close_matches(key, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            return f'{where} knows no "{key[:40]}"{hint}; it knows {", ".join(known)}'
        case "value_error":
            field = f"{key} " if key in {"base_url", "token_file"} else ""
            return f"{where}: {field}{error['msg'].removeprefix('Value error, ')}"
        case _:
            named = ".".join(str(part) for part in place[2:])
            return f"{where}: {named}: {error['msg'].replace('Input should', 'it should').replace('tuple', 'list')}"


def _where(place: Sequence[Any], raw: Mapping[str, Any]) -> str:
    """Return which workspace, and which of its grants."""
    number = place[1]
    try:
        name = raw["workspace"][number]["name"]
    except (KeyError, TypeError, IndexError):
        name = None
    called = name if isinstance(name, str) and _NAME.fullmatch(name) else number + 1 if isinstance(number, int) else ""
    grant = f", allow {place[3] + 1}" if len(place) > 3 and place[2] == "allow" and isinstance(place[3], int) else ""  # noqa: PLR2004  # workspace, its number, allow, its number.
    return f"workspace {called}{grant}"
