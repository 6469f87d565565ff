"""What an operator decides, read once from the environment and a `.env` file."""

import difflib
import ipaddress
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import platformdirs
from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from sim_mcp.private_files import make_private_directory

PRODUCTION_URL = "https://cdn.emnify.net"


class SettingsError(Exception):
    """Say which variable cannot be used as it is set, and what it may be."""


class Confirm(StrEnum):
    """How the server obtains a person's yes before it changes anything."""

    ASK = "ask"
    HOST = "host"
    BLOCK = "block"


class Settings(BaseModel):
    """Hold every decision of the operator, unchangeable once read."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, populate_by_name=True)

    application_token: SecretStr | None = Field(default=None, alias="EMNIFY_APPLICATION_TOKEN")
    base_url: str = Field(default=PRODUCTION_URL, alias="EMNIFY_BASE_URL")
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
    export_dir: Path | None = Field(default=None, alias="SIM_MCP_EXPORT_DIR")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="WARNING", alias="SIM_MCP_LOG_LEVEL")

    @property
    def may_write(self) -> bool:
        """Tell whether tools that change something are offered at all."""
        return not self.read_only and self.confirm is not Confirm.BLOCK

    def state_directory(self) -> Path:
        """Return where the record of changes is kept; made here only if nobody chose another place.

        Raises:
            OSError: The usual place cannot be made.
        """
        if self.state_dir is not None:
            return self.state_dir
        usual = Path(platformdirs.user_state_dir("sim-mcp", appauthor=False))
        usual.parent.mkdir(parents=True, exist_ok=True)
        make_private_directory(usual)
        return usual

    @field_validator("application_token", mode="before")
    @classmethod
    def _blank_is_absent(cls, value: object) -> object:
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("confirm", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("export_dir")
    @classmethod
    def _unmistakable(cls, value: Path | None) -> Path | None:
        """Take ~ for the home directory, as a shell would; what a relative path means depends on who starts us."""
        path = value.expanduser() if value is not None else None
        if path is not None and not path.is_absolute():
            raise ValueError("must be a whole path, such as /home/me/exports or ~/exports")
        return path

    @field_validator("base_url")
    @classmethod
    def _never_in_clear(cls, value: str) -> str:
        url = urlsplit(value.strip())
        try:
            url.port  # noqa: B018  # reading it is what checks it.
        except ValueError:
            raise ValueError("must have a port between 0 and 65535") from None
        if url.username or url.password or url.query or url.fragment or not url.hostname:
            raise ValueError("must be a plain base address such as https://cdn.emnify.net")
        if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname)):
            return value.strip().rstrip("/").removesuffix("/api/v1")
        raise ValueError("must be https, or http on this machine (127.0.0.1): a token never travels in clear")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings(environment: Mapping[str, str] | None = None, env_file: Path | None = None) -> Settings:
    """Read the settings; the environment wins over the `.env` file of the working directory.

    Raises:
        SettingsError: A variable holds a value that cannot be used; the value itself is not repeated.
    """
    env_file = env_file or Path(".env")
    from_file = dotenv_values(env_file) if env_file.is_file() else {}
    merged = {**from_file, **(os.environ if environment is None else environment)}
    names = {str(field.alias) for field in Settings.model_fields.values()}
    _refuse_unknown(merged, names)
    # An empty variable is how container tools write "not set".
    chosen = {name: value for name, value in merged.items() if name in names and value}
    try:
        return Settings.model_validate(chosen)
    except ValidationError as error:
        problems = "; ".join(_problem(str(found["loc"][0]), found["msg"], chosen) for found in error.errors())
        raise SettingsError(f"{problems}. Nothing was started.") from None


def _refuse_unknown(merged: Mapping[str, str | None], names: set[str]) -> None:
    """Refuse a misspelt variable: a safety setting that silently does nothing is worse than an error."""
    for name in sorted(merged):
        if name.startswith("SIM_MCP_") and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(names))}"
            raise SettingsError(f"{name} is not a setting{hint}. Nothing was started.")


def _problem(name: str, message: str, chosen: Mapping[str, str]) -> str:
    plain = message.removeprefix("Value error, ").replace("Input should be", "must be")
    plain = plain.replace("must be a valid boolean, unable to interpret input", "must be 1 or 0")
    # An address may carry a password and the token is one: only harmless values are repeated.
    shown = "" if name.startswith("EMNIFY_") else f" is {chosen[name][:40]!r} but"
    return f"{name}{shown} {plain}"
