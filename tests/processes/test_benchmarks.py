"""The benchmarks of serving run, each in short, so that they still do when somebody wants to know."""

import pytest

from benchmarks import serving


async def test_serving_is_compared_with_the_bare_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "BATCH", 16)
    rows = await serving.measure(rounds=1, pairs=1)
    tools = [f"`{tool}`" for tool, _, _ in serving.KNOWN]
    compared = [*tools, tools[0], f"{tools[0]}, two servers", "`list_sims`"]
    told = [f"{what}: {each}" for what in compared for each in ("requests a second (more is better)", "CPU for each")]
    assert [row.what for row in rows] == [*told, "Start to first answer, stdio"]
    assert all(float(row.ratio.split(" x")[0]) > 0 for row in rows)
