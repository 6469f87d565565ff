"""Our server with shorter windows of the limits, for a sandbox whose windows are as short.

Run as `python benchmarks/limited_server.py SECONDS …`, with the arguments of `sim-mcp` after the seconds. With 0 there
are no limits at all.
"""

import sys
from dataclasses import replace

from sim_mcp.cli.commands import main
from sim_mcp.emnify import PUBLISHED_LIMITS, EmnifyClient, Limits, Window

if __name__ == "__main__":
    seconds = float(sys.argv.pop(1))
    published = PUBLISHED_LIMITS.per_address
    defaults = EmnifyClient.__init__.__kwdefaults__
    assert defaults is not None
    if seconds:
        window = Window(int(published.requests * seconds / published.seconds), seconds)
        defaults["limits"] = replace(PUBLISHED_LIMITS, per_address=window)
    else:
        defaults["limits"] = Limits(per_address=Window(10**9, published.seconds))
    main()
