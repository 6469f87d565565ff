"""Options that several commands share."""

from pathlib import Path

import click

from sim_mcp.paths import whole_path
from sim_mcp.settings import ENV_FILE


class WholePath(click.ParamType[Path]):
    """A path by the rule of the settings."""

    name = "path"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path, or end the command with what to write instead."""
        try:
            return whole_path(str(value))
        except ValueError as error:
            self.fail(f"{value} {error}", param, ctx)


def _name_env_file(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.meta[ENV_FILE] = value


env_file_option = click.option(
    "--env-file",
    type=WholePath(),
    expose_value=False,
    callback=_name_env_file,
    help="Read this file of settings, not the .env of the working directory.",
)
sandbox_option = click.option("--sandbox", is_flag=True, help="Use made-up SIMs on this machine, not emnify.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
