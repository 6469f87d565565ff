"""What a Dockerfile says about the containers of its last stage."""

import json
import re
import shlex
from pathlib import Path


class Image:
    """The instructions of the last stage, by name."""

    def __init__(self, dockerfile: Path) -> None:
        text = re.sub(r"(?m)^\s*#.*\n", "", dockerfile.read_text(encoding="utf-8")).replace("\\\n", " ")
        last = re.split(r"(?m)^FROM ", text)[-1]
        self._instructions = [line.split(maxsplit=1) for line in last.splitlines()[1:] if line.strip()]

    def said(self, name: str) -> list[str]:
        return [text for each, text in self._instructions if each == name]

    @property
    def environment(self) -> dict[str, str]:
        pairs = [word.partition("=") for text in self.said("ENV") for word in shlex.split(text)]
        return {name: value for name, _, value in pairs if name != "PATH"}

    @property
    def entrypoint(self) -> list[str]:
        """The words of the program that a container runs, before those of its command."""
        (words,) = self.said("ENTRYPOINT") or ["[]"]
        found: list[str] = json.loads(words)
        return found

    @property
    def health(self) -> list[str]:
        (said,) = self.said("HEALTHCHECK")
        found: list[str] = json.loads(said.partition("CMD ")[2])
        return found

    @property
    def copied(self) -> list[str]:
        """What is copied from the context."""
        return [word for text in self.said("COPY") if "--from" not in text for word in text.split()[:-1]]
