"""An issuer for the tests of a module."""

from tests.server.approvals.conftest import anyio_backend, issuer

__all__ = ["anyio_backend", "issuer"]
