"""The operator's settings, read once from the environment and a `.env` file."""

import difflib
import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, ValidationError, field_validator

from sim_mcp.addresses import is_loopback, split_plain
from sim_mcp.env_file import EnvFileError, read_env_file
from sim_mcp.pasted import paste_fault
from sim_mcp.paths import whole_path
from sim_mcp.private_files import make_private_directory
from sim_mcp.sign_in_settings import SignInSettings
from sim_mcp.workspaces.file import VARIABLE as WORKSPACES
from sim_mcp.workspaces.file import Workspace, WorkspacesError, read_named_workspaces

PRODUCTION_URL = "https://cdn.emnify.net"
ENV_FILE = "SIM_MCP_ENV_FILE"
"""The variable that names a file of settings; on the command line it is --env-file."""

_TOKEN = "EMNIFY_APPLICATION_TOKEN"  # noqa: S105  # the name of a variable.
_CONSENT = (
    "SIM_MCP_CONFIRM",
    "SIM_MCP_READ_ONLY",
    "SIM_MCP_POLICY",
    "SIM_MCP_APPROVAL_PAGE",
    "SIM_MCP_OPEN_BROWSER",
    "SIM_MCP_MAX_SIMS_PER_CHANGE",
    "SIM_MCP_MAX_SIMS_PER_HOUR",
)
"""The settings that decide which changes need whose consent."""
_SANDBOX_TOKEN = "sandbox-"  # noqa: S105  # how the tokens of a sandbox begin.
_SIMILARITY = 0.8
_MAX_REPEATED = 80


class SettingsError(Exception):
    """A setting cannot be used; the message says which, and what it may be."""


class Confirm(StrEnum):
    """How the server obtains a person's consent before it changes anything."""

    ASK = "ask"
    HOST = "host"
    BLOCK = "block"


class Settings(SignInSettings):
    """The settings, immutable once read."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, populate_by_name=True)

    application_token: SecretStr | None = Field(default=None, alias="EMNIFY_APPLICATION_TOKEN")
    base_url: str = Field(default=PRODUCTION_URL, alias="EMNIFY_BASE_URL")
    workspaces_file: Path | None = Field(default=None, alias="SIM_MCP_WORKSPACES")
    workspaces: tuple[Workspace, ...] = Field(default=(), alias="workspaces")
    """What is in that file; where there is any, the one token of the environment is not used."""
    workspace: str = Field(default="", alias="workspace")
    """The name of the workspace that these are the settings for, where there are several."""
    token_owner: tuple[str, ...] | None = Field(default=None, alias="token_owner")
    """Whose own token it is, by issuer and subject; empty where callers bring theirs; None: the operator's."""
    read_workspaces: Callable[[], tuple[Workspace, ...]] | None = Field(
        default=None, alias="read_workspaces", repr=False, exclude=True
    )
    """Reads that file again; raises WorkspacesError."""
    holds_earlier: bool = Field(default=False, alias="holds_earlier")
    """Whether what was planned before workspaces were named is of this one."""
    confirm: Confirm = Field(default=Confirm.ASK, alias="SIM_MCP_CONFIRM")
    read_only: bool = Field(default=False, alias="SIM_MCP_READ_ONLY")
    policy: Path | None = Field(default=None, alias="SIM_MCP_POLICY")
    approval_page: bool = Field(default=True, alias="SIM_MCP_APPROVAL_PAGE")
    open_browser: bool = Field(default=False, alias="SIM_MCP_OPEN_BROWSER")
    form_wait_s: float = Field(default=40, gt=0, le=600, alias="SIM_MCP_FORM_WAIT")
    approval_wait_s: int = Field(default=40, ge=0, le=600, alias="SIM_MCP_APPROVAL_WAIT")
    max_sims_per_change: int = Field(default=100, ge=1, alias="SIM_MCP_MAX_SIMS_PER_CHANGE")
    max_sims_per_hour: int = Field(default=500, ge=1, alias="SIM_MCP_MAX_SIMS_PER_HOUR")
    state_dir: Path | None = Field(default=None, alias="SIM_MCP_STATE_DIR")
    database_url: SecretStr | None = Field(default=None, alias="SIM_MCP_DATABASE_URL")
    export_dir: Path | None = Field(default=None, alias="SIM_MCP_EXPORT_DIR")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="WARNING", alias="SIM_MCP_LOG_LEVEL")
    log_format: Literal["text", "json"] = Field(default="text", alias="SIM_MCP_LOG_FORMAT")
    metrics_port: int | None = Field(default=None, ge=1, le=65535, alias="SIM_MCP_METRICS_PORT")
    metrics_host: str = Field(default="127.0.0.1", alias="SIM_MCP_METRICS_HOST")

    _token_fault: str | None = PrivateAttr(default=None)

    def model_post_init(self, context: object, /) -> None:
        """Drop a token that was pasted wrong, so that it is never sent."""
        del context
        fault = paste_fault(self.application_token.get_secret_value()) if self.application_token else None
        if fault is not None:
            self._token_fault = fault
            self.__dict__["application_token"] = None

    @property
    def token_fault(self) -> str | None:
        """Return what is wrong with a token that was pasted wrong and therefore dropped, or None."""
        return self._token_fault

    @property
    def has_token(self) -> bool:
        """Tell whether there is a token, or a workspace that has one."""
        return self.application_token is not None or bool(self.workspaces)

    def of_workspace(
        self, workspace: Workspace, token: SecretStr | None, token_owner: tuple[str, ...] | None = None
    ) -> "Settings":
        """Return the settings for one of several workspaces, and for whose token it is."""
        return self.model_copy(
            update={
                "workspace": workspace.name,
                "workspaces": (),
                "holds_earlier": workspace.earlier,
                "application_token": token,
                "token_owner": token_owner,
                "base_url": workspace.base_url or self.base_url,
            }
        )

    @property
    def may_write(self) -> bool:
        """Tell whether tools that change something are offered."""
        return not self.read_only and self.confirm is not Confirm.BLOCK

    @property
    def place(self) -> str:
        """Return what is asked and changed: `emnify`, a `sandbox`, or emnify at another address."""
        if self.base_url == PRODUCTION_URL:
            return "emnify"
        address = urlsplit(self.base_url)
        token = self.application_token.get_secret_value() if self.application_token else ""
        made_up = is_loopback(address.hostname or "") and token.startswith(_SANDBOX_TOKEN)
        return "sandbox" if made_up else f"emnify at {address.netloc}"

    def record_place(self) -> Path | SecretStr:
        """Return where the record of changes is kept: a directory, or the address of a database.

        Raises:
            OSError: The default directory cannot be created.
        """
        return self.database_url or self.state_directory()

    def state_directory(self) -> Path:
        """Return the directory of the journal; the default one is created.

        Raises:
            OSError: The default directory cannot be created.
        """
        if self.state_dir is not None:
            return self.state_dir
        default = Path(platformdirs.user_state_dir("sim-mcp", appauthor=False))
        default.parent.mkdir(parents=True, exist_ok=True)
        make_private_directory(default)
        return default

    @field_validator("application_token", mode="before")
    @classmethod
    def _blank_is_absent(cls, value: object) -> object:
        return (value.strip(" \t\r\n") or None) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _reachable_kind(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be the address of a PostgreSQL database: postgresql://user:password@host/database")
        if value is not None and find_spec("psycopg") is None:
            raise ValueError("wants a driver that is not installed: install sim-mcp[postgres], or unset it")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("confirm", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator(
        "policy", "state_dir", "export_dir", "keys_file", "token_keys_file", "workspaces_file", mode="before"
    )
    @classmethod
    def _absolute_path(cls, value: object) -> object:
        return whole_path(str(value)) if value is not None else None

    @field_validator("base_url")
    @classmethod
    def _encrypted_or_local(cls, value: str) -> str:
        split_plain(value.strip(), example=PRODUCTION_URL)
        return value.strip().rstrip("/").removesuffix("/api/v1")


def read_settings(
    environment: Mapping[str, str] | None = None,
    env_file: Path | None = None,
    *,
    named: Path | None = None,
    sandbox: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Settings:
    """Read the settings; the environment takes precedence over a file.

    A file that the operator names is trusted. The `.env` of the working directory, which anybody may have written,
    is read only where neither a token nor a setting about consent comes from elsewhere.

    Args:
        environment: the variables; by default those of this process.
        env_file: the file of the working directory, which need not exist.
        named: the file that the operator names; by default that of SIM_MCP_ENV_FILE.
        sandbox: whether a sandbox brings a token of its own.
        tell: called with a sentence where a `.env` that holds settings was not read.

    Raises:
        SettingsError: A setting or a file cannot be used; no value that may be a secret is repeated.
    """
    environment = os.environ if environment is None else environment
    # Container tools write an unset variable as an empty one.
    given = {name: value for name, value in environment.items() if value}
    names = {alias for field in Settings.model_fields.values() if (alias := str(field.alias)).isupper()}
    try:
        from_file = _from_file(given, names, named, env_file or Path.cwd() / ".env", sandbox=sandbox, tell=tell)
    except EnvFileError as error:
        raise SettingsError(f"{error}. Nothing was started.") from None
    variables = {**from_file, **given}
    workspaces = () if sandbox else _workspaces(variables)
    _refuse_unknown({*from_file, *environment}, {*names, *(each.token_env for each in workspaces if each.token_env)})
    chosen = {name: value for name, value in variables.items() if name in names and value}
    if workspaces:
        chosen.pop(_TOKEN, None)  # one of the workspaces has it.
    try:
        settings = Settings.model_validate(chosen)
    except ValidationError as error:
        problems = "; ".join(_problem(str(found["loc"][0]), found["msg"], chosen) for found in error.errors())
        raise SettingsError(f"{problems}. Nothing was started.") from None
    if not workspaces:
        return settings
    read_again = partial(read_named_workspaces, variables, single_token=_TOKEN)
    return settings.model_copy(update={"workspaces": workspaces, "read_workspaces": read_again})


def _workspaces(variables: Mapping[str, str]) -> tuple[Workspace, ...]:
    try:
        return read_named_workspaces(variables, single_token=_TOKEN)
    except WorkspacesError as error:
        raise SettingsError(str(error)) from None


def _from_file(
    given: Mapping[str, str],
    names: set[str],
    named: Path | None,
    found: Path,
    *,
    sandbox: bool,
    tell: Callable[[str], None],
) -> dict[str, str]:
    if named is None and (chosen := given.get(ENV_FILE)):
        try:
            named = whole_path(chosen)
        except ValueError as error:
            raise SettingsError(f"{ENV_FILE} is {chosen!r} but {error}. Nothing was started.") from None
    if named is not None:
        return _settings_in(named, names)
    # A directory of that name is a virtual environment; a dangling link was meant to be a file.
    if found.is_dir() or not (found.exists() or found.is_symlink()):
        return {}
    elsewhere = next((name for name in (_TOKEN, WORKSPACES, *_CONSENT) if given.get(name, "").strip()), None)
    if elsewhere is None and not sandbox:
        settings = _settings_in(found, names)
        if WORKSPACES in settings:
            raise EnvFileError(
                f"{found.absolute()} sets {WORKSPACES}, which may name commands to run, and a file in the working "
                f"directory decides nothing like that. If it is yours, name it: --env-file {found.absolute()}, or set "
                f"{WORKSPACES} in the environment"
            )
        return settings
    if _may_matter(found, names):
        why = "--sandbox brings a token of its own" if sandbox else f"{elsewhere} is set in the environment"
        tell(
            f"{found.absolute()} was not read, for {why}, and a file in the working directory never decides over that. "
            f"If it is yours, name it: --env-file {found.absolute()}, or {ENV_FILE}."
        )
    return {}


def _settings_in(file: Path, names: set[str]) -> dict[str, str]:
    found = read_env_file(file, names)
    if ENV_FILE in found:
        raise EnvFileError(f"{file} sets {ENV_FILE}, which a file cannot: set it in the environment")
    return found


def _may_matter(file: Path, names: set[str]) -> bool:
    try:
        return any(name.startswith(("EMNIFY_", "SIM_MCP_")) for name in read_env_file(file, names))
    except EnvFileError:
        return True


def _refuse_unknown(chosen: set[str], names: set[str]) -> None:
    """Refuse a misspelt variable: a safety setting that silently has no effect is worse than an error."""
    known = {*names, ENV_FILE}
    for name in sorted(chosen - known):
        spelt = name.upper().replace("-", "_").replace(".", "_")
        if spelt.startswith("SIM_MCP_"):
            near = difflib.get_close_matches(spelt, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
            raise SettingsError(f"{name} is not a setting{hint}. Nothing was started.")
        # Other programs may have variables with that prefix.
        if spelt.startswith("EMNIFY_") and (near := difflib.get_close_matches(spelt, known, 1, _SIMILARITY)):
            raise SettingsError(f"{name} is not a setting; did you mean {near[0]}? Nothing was started.")


def _problem(name: str, message: str, chosen: Mapping[str, str]) -> str:
    plain = message.removeprefix("Value error, ").replace("Input should be", "must be")
    plain = plain.replace("must be a valid boolean, unable to interpret input", "must be 1 or 0")
    # An address may hold a password, and the token is one: only harmless values are repeated.
    secret = name.startswith("EMNIFY_") or name.endswith(("_URL", "_SECRET", "_KEY", "_TOKEN_KEYS", "_COMMAND"))
    value = "" if secret else f" is {chosen[name][:_MAX_REPEATED]!r} but"
    return f"{name}{value} {plain}"
