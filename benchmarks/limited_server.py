"""Our server with shorter windows of the limits, for a sandbox whose windows are as short.

Run as `python benchmarks/limited_server.py SECONDS …`, with the arguments of `sim-mcp` after the seconds. With 0 there
are no limits at all, and no answer is reused, so that every call costs what it costs.
"""

import sys
from dataclasses import replace

from sim_mcp.cli.commands import main
from sim_mcp.emnify import PUBLISHED_LIMITS, EmnifyClient, Limits, Window
from sim_mcp.emnify.http.shared_reads import SharedReads

if __name__ == "__main__":
    seconds = float(sys.argv.pop(1))
    published = PUBLISHED_LIMITS.per_address
    defaults, reads = EmnifyClient.__init__.__kwdefaults__, SharedReads.__init__.__kwdefaults__
    assert defaults is not None
    assert reads is not None
    if seconds:
        window = Window(int(published.requests * seconds / published.seconds), seconds)
        defaults["limits"] = replace(PUBLISHED_LIMITS, per_address=window)
    else:
        defaults["limits"] = Limits(per_address=Window(10**9, published.seconds))
        reads["reused_for_s"] = 0.0
    main()
