"""Opening the approval page for a person: once for each plan, and its secret in no argument of any process."""

import logging
import os
import subprocess
import sys
import threading
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

log = logging.getLogger(__name__)

# Isolated: a webbrowser.py in the working directory is none of ours.
_OPENER = (sys.executable, "-I", "-c", "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))")
_OURS = ("EMNIFY_", "SIM_MCP_")
_REDIRECT = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={link}">
<title>sim-mcp</title>
<p><a href="{link}">Open the approval page</a></p>
"""


class BrowserWindows:
    """Show plans in the person's browser."""

    def __init__(self) -> None:
        self._plans: set[str] = set()
        self._directory: TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Remove the files that lead to pages."""
        if self._directory is not None:
            self._directory.cleanup()

    def has_shown(self, plan_id: str) -> bool:
        """Tell whether a window was opened for a plan."""
        return plan_id in self._plans

    def show(self, plan_id: str, link: str) -> None:
        """Open a window, and wait for nothing: some browsers run until they are closed.

        Raises:
            OSError: The file that leads to the page cannot be written.
        """
        if self._directory is None:
            self._directory = TemporaryDirectory(prefix="sim-mcp-")
        file = Path(self._directory.name) / f"plan-{plan_id}.html"
        # Whoever lists processes sees the path of this file, which only its owner can read.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(_REDIRECT.format(link=escape(link)))
        self._plans.add(plan_id)
        threading.Thread(target=_open, args=(file.as_uri(),), name="browser", daemon=True).start()


def _open(url: str) -> None:
    # Standard output is the wire to the client, and the token is none of the browser's business.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter, and a path of ours.
            [*_OPENER, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
            check=False,
        )
    except OSError as error:
        log.warning("The approval page could not be opened: %s", error)
        return
    if done.returncode:
        log.warning("No browser could be opened for the approval page; unset SIM_MCP_OPEN_BROWSER or set BROWSER")
