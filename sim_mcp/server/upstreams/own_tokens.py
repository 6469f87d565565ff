"""The tokens of workspaces to which each caller brings their own: found for who asks, or told where to enter one."""

from pydantic import SecretStr

from sim_mcp.changes.record.storage import JournalError, Record
from sim_mcp.emnify import AuthenticationError
from sim_mcp.principal import Principal
from sim_mcp.sealing import SealError
from sim_mcp.server.upstreams.token_keys import TokenKeys, TokenKeysError
from sim_mcp.server.upstreams.vault import Kept, Owner, Vault
from sim_mcp.settings import Settings
from sim_mcp.workspaces.file import Workspace

_UNCHANGED = "Nothing was sent, nothing changed."


class NoOwnTokenError(Exception):
    """Who asks has no token of their own that can be used; the message says where to enter one."""


class OwnTokens:
    """Find callers' own tokens."""

    def __init__(self, settings: Settings, record: Record | None) -> None:
        """Find them in the record, where there is a place for one."""
        self._settings = settings
        self._vault = None if record is None else Vault(record, TokenKeys(settings))

    @property
    def vault(self) -> Vault:
        """Return where they are kept, which is where the record of changes is.

        Raises:
            JournalError: There is no place for it.
        """
        if self._vault is None:
            raise JournalError(
                "There is no place to keep callers' tokens in. Nothing was sent, nothing changed. The operator has to "
                "set SIM_MCP_STATE_DIR to a directory that exists."
            )
        return self._vault

    async def find(self, workspace: Workspace, owner: Owner) -> Kept:
        """Return what is kept of somebody for a workspace.

        Raises:
            NoOwnTokenError: Nothing, or what is of another organisation than the workspace.
            JournalError: The record cannot be read.
        """
        kept = await self.vault.find(workspace.name, owner)
        if kept is None:
            raise NoOwnTokenError(self._told(workspace, "and none of yours is kept"))
        if workspace.organisation not in (None, kept.organisation):
            other = f"and yours belongs to another organisation than this workspace (id {workspace.organisation})"
            raise NoOwnTokenError(self._told(workspace, other))
        return kept

    async def open(self, workspace: Workspace, kept: Kept) -> SecretStr:
        """Return a token that is kept.

        Raises:
            NoOwnTokenError: It does not open any more.
        """
        try:
            return await self.vault.open(kept)
        except SealError as error:
            raise NoOwnTokenError(self._told(workspace, f"and yours cannot be opened any more: {error}")) from None
        except TokenKeysError as error:
            raise NoOwnTokenError(
                f"Your own token for the workspace {workspace.name} cannot be opened now: {error}. {_UNCHANGED} The "
                "operator has to mend that."
            ) from None

    def owner(self, workspace: Workspace, who: Principal) -> Owner:
        """Return whom tokens are kept for who asks.

        Raises:
            NoOwnTokenError: They cannot enter one: they did not sign in, or nobody can on this server.
        """
        if (missing := why_nobody_can(self._settings)) is not None:
            raise NoOwnTokenError(
                f"The workspace {workspace.name} works with each caller's own emnify token, and none can be entered "
                f"here: {missing}. {_UNCHANGED} The operator has to set that."
            )
        if who.issuer != self._settings.issuer:
            raise NoOwnTokenError(
                f"The workspace {workspace.name} works with the emnify token of each person who signs in, and "
                f"{who.name} did not sign in; programs with keys have none. {_UNCHANGED}"
            )
        return Owner(who.issuer, who.subject)

    def _told(self, workspace: Workspace, why: str) -> str:
        return (
            f"The workspace {workspace.name} works with an emnify token of your own, {why}. {_UNCHANGED} Enter one at "
            f"{self._settings.token_page(workspace.name)}, where you sign in, then ask again. It does not belong into "
            "this conversation."
        )


class OwnToken:
    """The token of one caller as the client of emnify asks for it: the one it was started with, while it is kept."""

    def __init__(self, tokens: OwnTokens, workspace: Workspace, kept: Kept, token: SecretStr) -> None:
        self._tokens = tokens
        self._workspace = workspace
        self._kept = kept
        self._token = token
        self.is_gone = False
        """Whether its owner removed it: what is under way with it ends too."""

    def may_have_changed(self) -> bool:
        """Tell whether it is gone; with another token, other services are started."""
        return self.is_gone

    async def read(self) -> SecretStr:
        """Return the token.

        Raises:
            AuthenticationError: It is not kept any more.
        """
        name = self._workspace.name
        try:
            kept = await self._tokens.vault.find(name, self._kept.owner)
        except JournalError:
            return self._token
        if kept is None or kept.entered != self._kept.entered:
            raise AuthenticationError(f"your own token for the workspace {name} was removed, or replaced, meanwhile")
        return self._token


class NoToken:
    """What a client is given that is to ask nothing, where each caller brings a token."""

    def may_have_changed(self) -> bool:
        """Return True."""
        return True

    async def read(self) -> SecretStr:
        """Give none.

        Raises:
            AuthenticationError: Always.
        """
        raise AuthenticationError("each caller of this workspace brings a token, and this is on behalf of none")


def why_nobody_can(settings: Settings) -> str | None:
    """Return which settings are missing for people to enter their own tokens, or None."""
    keys = (settings.token_keys, settings.token_keys_file, settings.token_keys_command)
    missing = [
        name
        for name, there in (
            ("SIM_MCP_PUBLIC_URL", settings.public_url),
            ("SIM_MCP_ISSUER", settings.issuer),
            ("SIM_MCP_CLIENT_ID", settings.client_id),
            ("SIM_MCP_APPROVAL_PAGE=1", settings.approval_page),
            ("SIM_MCP_TOKEN_KEYS", any(key is not None for key in keys)),
        )
        if not there
    ]
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set" if missing else None
