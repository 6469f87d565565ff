"""How long an export will still take, and who gets which."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup

from sim_mcp.exports.files import ExportFile, ExportRefusedError
from sim_mcp.exports.rows import COLUMNS
from sim_mcp.exports.service import MAX_AT_ONCE, Export, ExportService, Order
from sim_mcp.exports.sources import Batch, Selection

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SELECTION = Selection("sims")


def order(name: str) -> Order:
    return Order(f"export_sims({name})", SELECTION, "csv", f"{name}.csv")


@pytest.mark.parametrize(
    ("of", "sims", "now", "left_s"),
    [
        (None, 5, 110.0, None),
        (100, 0, 110.0, None),
        (100, 20, 110.0, 40.0),
        (100, 100, 110.0, 0.0),
        (100, 120, 110.0, 0.0),
    ],
)
async def test_the_time_left_is_that_of_the_rest_at_the_pace_so_far(
    tmp_path: Path, of: int | None, sims: int, now: float, left_s: float | None
) -> None:
    file = ExportFile(tmp_path, "fleet.csv", "csv", ["id"])
    assert Export(order("fleet"), file, 100.0, sims=sims, of=of).left_s(now) == left_s
    file.discard()


def files_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def quietly(_: Export) -> None:
    return None


async def never(_: Selection, __: TaskGroup) -> AsyncGenerator[Batch]:
    await anyio.sleep_forever()
    yield Batch([], 0)


async def test_only_so_many_are_under_way_at_once_and_the_same_words_wait_for_the_same(tmp_path: Path) -> None:
    async with anyio.create_task_group() as group:
        service = ExportService(never, lambda: NOW, tmp_path, group, waits_s=0)
        under_way = [await service.export(order(str(number)), quietly) for number in range(MAX_AT_ONCE)]
        assert await service.export(order("1"), quietly) is under_way[1]
        with pytest.raises(ExportRefusedError, match=f'{MAX_AT_ONCE} exports are in the making: "0.csv", "1.csv"'):
            await service.export(order("one too many"), quietly)
        group.cancel_scope.cancel()
    assert files_in(tmp_path) == []


async def test_what_is_finished_waits_for_the_call_that_picks_it_up_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def one(_: Selection, __: TaskGroup) -> AsyncGenerator[Batch]:
        yield Batch([{"id": 1, "iccid": "8988"}], 1, of=1)

    async with anyio.create_task_group() as group:
        service = ExportService(one, lambda: NOW, tmp_path, group, waits_s=0)
        begun = await service.export(order("fleet"), quietly)
        await begun.over.wait()
        assert await service.export(order("fleet"), quietly) is begun
        assert begun.written is not None
        assert (begun.written.path.name, begun.rows, begun.sims) == ("fleet.csv", 1, 1)
        assert begun.preview == dict.fromkeys(COLUMNS["sims"]) | {"id": 1, "iccid": "8988"}
        assert begun.as_of == NOW
        another = await service.export(order("fleet"), quietly)
        assert another is not begun
        await another.over.wait()
        now = anyio.current_time()
        monkeypatch.setattr("sim_mcp.exports.service.anyio.current_time", lambda: now + 3601)
        assert await service.export(order("fleet"), quietly) is not another
        group.cancel_scope.cancel()


async def test_it_reads_back_what_it_wrote_and_nothing_else(tmp_path: Path) -> None:
    async def one(_: Selection, __: TaskGroup) -> AsyncGenerator[Batch]:
        yield Batch([{"id": 1}], 1, of=1)

    (tmp_path / "other.csv").write_text("secret")
    async with anyio.create_task_group() as group:
        service = ExportService(one, lambda: NOW, tmp_path, group, waits_s=5)
        await service.export(order("fleet"), quietly)
        assert service.read_text("fleet.csv").startswith("id,iccid")
        with pytest.raises(ExportRefusedError, match=r'No export called "other.csv" was written'):
            service.read_text("other.csv")
