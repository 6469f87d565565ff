"""What the rounds share with other tests of several servers: a database of their own for each."""

from tests.replicas.conftest import place, server, template

__all__ = ["place", "server", "template"]
