"""The settings that say who may ask over HTTP, how they sign in, and how much each may ask."""

from base64 import b64decode
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from sim_mcp.addresses import split_plain
from sim_mcp.principal import SCOPES
from sim_mcp.sealing import KeyRing

_LEAST_SECRET = 32
_LEAST_KEY = 24
_HOW_TO_MAKE_ONE = 'echo "whsec_$(openssl rand -base64 32)" makes one'
_TOKEN_KEYS = ("token_keys", "token_keys_file", "token_keys_command")
_MAP_EXAMPLE = "fleet-admins=sims:read sims:write; helpdesk=sims:read"


class SignInSettings(BaseModel):
    """Where the server is reached, who vouches for its callers, and what each caller may use up."""

    # Built with the settings that it is a part of, not by itself when it is imported.
    model_config = ConfigDict(defer_build=True)

    public_url: str | None = Field(default=None, alias="SIM_MCP_PUBLIC_URL")
    issuer: str | None = Field(default=None, alias="SIM_MCP_ISSUER")
    audience: str | None = Field(default=None, alias="SIM_MCP_AUDIENCE")
    jwks_uri: str | None = Field(default=None, alias="SIM_MCP_JWKS_URI")
    token_types: frozenset[str] = Field(default=frozenset({"at+jwt"}), alias="SIM_MCP_TOKEN_TYPES")
    scope_prefix: str = Field(default="", alias="SIM_MCP_SCOPE_PREFIX")
    scope_map: dict[str, frozenset[str]] = Field(default_factory=dict, alias="SIM_MCP_SCOPE_MAP")
    roles_claim: str = Field(default="roles", alias="SIM_MCP_ROLES_CLAIM")
    client_id: str | None = Field(default=None, alias="SIM_MCP_CLIENT_ID")
    client_secret: SecretStr | None = Field(default=None, alias="SIM_MCP_CLIENT_SECRET")
    session_key: SecretStr | None = Field(default=None, alias="SIM_MCP_SESSION_KEY")
    notify_secret: SecretStr | None = Field(default=None, alias="SIM_MCP_NOTIFY_SECRET")
    notify_url: SecretStr | None = Field(default=None, alias="SIM_MCP_NOTIFY_URL")
    keys_file: Path | None = Field(default=None, alias="SIM_MCP_KEYS")
    token_keys: SecretStr | None = Field(default=None, alias="SIM_MCP_TOKEN_KEYS")
    token_keys_file: Path | None = Field(default=None, alias="SIM_MCP_TOKEN_KEYS_FILE")
    token_keys_command: str | None = Field(default=None, alias="SIM_MCP_TOKEN_KEYS_COMMAND")
    callers_at_once: int = Field(default=30, ge=1, alias="SIM_MCP_MAX_CALLERS_AT_ONCE")
    calls_per_minute: int = Field(default=300, ge=1, alias="SIM_MCP_MAX_CALLS_PER_MINUTE")
    open_plans: int = Field(default=20, ge=1, alias="SIM_MCP_MAX_OPEN_PLANS")

    @property
    def resource(self) -> str | None:
        """Return the address of the MCP endpoint as its callers know it, which is what tokens are issued for."""
        return f"{self.public_url}/mcp" if self.public_url else None

    def token_page(self, workspace: str) -> str:
        """Return where somebody who signs in enters their own token for a workspace."""
        return f"{self.public_url}/tokens/{workspace}"

    @property
    def rights(self) -> str:
        """Return a mark of what decides who may what: another one as soon as one of these settings is."""
        decides = (self.issuer, self.resource, self.audience, self.scope_prefix, self.roles_claim)
        mapped = sorted((role, sorted(scopes)) for role, scopes in self.scope_map.items())
        return sha256(repr((decides, mapped, sorted(self.token_types))).encode()).hexdigest()

    @property
    def approvals_url(self) -> str | None:
        """Return where people who sign in approve changes, or None where nobody can sign in for that."""
        return f"{self.public_url}/approvals" if self.public_url and self.issuer and self.client_id else None

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = split_plain(value.strip(), example="https://sims.example.com")
        if url.path.rstrip("/"):
            raise ValueError("must have no path, such as https://sims.example.com: MCP is served at /mcp below it")
        # As clients send it in Host, without the port that goes without saying.
        port = {"https": ":443", "http": ":80"}[url.scheme]
        return f"{url.scheme}://{url.netloc.lower().removesuffix(port)}"

    @field_validator("issuer", "jwks_uri")
    @classmethod
    def _safe(cls, value: str | None) -> str | None:
        # An issuer is compared letter by letter, so that a slash at its end stays.
        if value is not None:
            split_plain(value.strip(), example="https://login.example.com")
        return value and value.strip()

    @field_validator("issuer")
    @classmethod
    def _reachable(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and "public_url" in info.data and info.data["public_url"] is None:
            raise ValueError("needs SIM_MCP_PUBLIC_URL too: tokens are issued for that address")
        return value

    @field_validator("client_id")
    @classmethod
    def _known_somewhere(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and "issuer" in info.data and info.data["issuer"] is None:
            raise ValueError("needs SIM_MCP_ISSUER too: that is who knows this server by it")
        return value

    @field_validator("session_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < _LEAST_SECRET:
            raise ValueError(f"must be at least {_LEAST_SECRET} characters: openssl rand -base64 32 makes some")
        return value

    @field_validator("notify_url")
    @classmethod
    def _safe_to_tell(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        # The path of many a webhook is its secret.
        if value is not None:
            split_plain(value.get_secret_value().strip(), example="https://hooks.example.com/sims")
            if "notify_secret" in info.data and info.data["notify_secret"] is None:
                raise ValueError(f"needs SIM_MCP_NOTIFY_SECRET too, to sign what is sent: {_HOW_TO_MAKE_ONE}")
        return value

    @field_validator("notify_secret")
    @classmethod
    def _standard(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            key = b64decode(value.get_secret_value().removeprefix("whsec_"), validate=True) if value else b""
        except ValueError:
            key = b""
        if value is not None and len(key) < _LEAST_KEY:
            raise ValueError(f"must be whsec_ and at least {_LEAST_KEY} bytes in base64: {_HOW_TO_MAKE_ONE}")
        return value

    @field_validator("token_keys")
    @classmethod
    def _on_a_ring(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            KeyRing.parse(value.get_secret_value())
        return value

    @field_validator("token_keys_file", "token_keys_command")
    @classmethod
    def _only_one(cls, value: Path | str | None, info: ValidationInfo) -> Path | str | None:
        if value is not None and any(info.data.get(each) is not None for each in _TOKEN_KEYS):
            raise ValueError("cannot be set beside another SIM_MCP_TOKEN_KEYS…: the keys come from one place")
        return value

    @field_validator("token_types", mode="before")
    @classmethod
    def _types(cls, value: object) -> object:
        return frozenset(value.lower().replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("scope_map", mode="before")
    @classmethod
    def _mapped(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found: dict[str, frozenset[str]] = {}
        for part in filter(str.strip, value.split(";")):
            role, equals, scopes = (text.strip() for text in part.rpartition("="))
            unknown = set(scopes.split()) - set(SCOPES)
            if not (role and equals and scopes) or unknown:
                raise ValueError(f"must be such as {_MAP_EXAMPLE!r}; scopes are {', '.join(SCOPES)}")
            found[role] = found.get(role, frozenset()) | frozenset(scopes.split())
        return found
