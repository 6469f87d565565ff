"""The key that the sign-ins of people on the pages are signed with; servers that share it know the same people."""

from sim_mcp.logs import hide
from sim_mcp.server.http.access_key import AccessKeyError, kept_secret
from sim_mcp.settings import Settings

FILE = "session-key"


def session_key(settings: Settings) -> str | None:
    """Return the operator's key, or the one in the state directory, created if there is none; None without pages.

    Raises:
        AccessKeyError: The file cannot be written, is damaged, or is readable by others.
    """
    if settings.approvals_url is None:
        return None
    for secret in (settings.client_secret, settings.session_key):
        if secret is not None:
            hide(secret.get_secret_value())
    if settings.session_key is not None:
        return settings.session_key.get_secret_value()
    try:
        return kept_secret(settings.state_directory().absolute() / FILE)
    except OSError as error:
        place = error.filename or settings.state_dir or "the user's state directory"
        raise AccessKeyError(
            f"The key for sign-ins cannot be kept: {place}: {error.strerror or error}. Set SIM_MCP_STATE_DIR to a "
            "directory that exists and can be written to, or SIM_MCP_SESSION_KEY. Nothing was started."
        ) from None
