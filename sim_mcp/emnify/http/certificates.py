"""Which certificate authorities are trusted: the usual ones, or those of SSL_CERT_FILE and SSL_CERT_DIR."""

import os
import ssl
from pathlib import Path

import httpx

from sim_mcp.emnify.errors import ConnectionSettingsError

FILE, DIRECTORY, _KEY_LOG = "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"


def trusted_certificates() -> ssl.SSLContext:
    """Return the TLS settings by which emnify's certificate is verified.

    Raises:
        ConnectionSettingsError: A variable names something that cannot be read as certificates.
    """
    file = os.environ.get(FILE) or None
    directories = [each for each in os.environ.get(DIRECTORY, "").split(os.pathsep) if each]
    # Reading a pipe would never end, and a missing directory would silently trust nobody.
    if file is not None and not Path(file).is_file():
        raise _unusable(FILE, file, "is no file")
    for directory in directories:
        if not Path(directory).is_dir():
            raise _unusable(DIRECTORY, directory, "is no directory")
    try:
        if file is None and not directories:
            return httpx.create_ssl_context(trust_env=False)
        context = ssl.create_default_context(cafile=file, capath=next(iter(directories), None))
        for directory in directories[1:]:
            context.load_verify_locations(capath=directory)
    except ssl.SSLError:
        raise _unusable(FILE, file or "", "holds no certificate in PEM form") from None
    except OSError as error:
        reason = f"cannot be used ({error.strerror or type(error).__name__})"
        if file is not None and not os.access(file, os.R_OK):
            raise _unusable(FILE, file, reason) from None
        raise _unusable(_KEY_LOG, os.environ.get(_KEY_LOG, ""), reason) from None
    return context


def trust_decided_by() -> str:
    """Return the variables that decide whom to trust, with their values, for a sentence; empty where none is set."""
    return " and ".join(f"{name}={os.environ[name]}" for name in (FILE, DIRECTORY) if os.environ.get(name))


def _unusable(variable: str, value: str, why: str) -> ConnectionSettingsError:
    return ConnectionSettingsError(
        f"{variable} names {value!r}, which {why}, so emnify's certificate cannot be checked. "
        f"The operator should correct {variable} or remove it, and restart the server"
    )
