"""What adding a thing costs: made-up ones are added to a copy, which then has them, and no more files were touched.

The numbers are those of CONTRIBUTING.md. Where a step of it stops being enough, one of these fails.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
COPIED = ("sim_mcp", "tests", "prompts", "benchmarks", "docs", ".ci")
FILES = ("pyproject.toml", "README.md", "SECURITY.md", "CONTRIBUTING.md", ".pre-commit-config.yaml", "Dockerfile")

TOOL = '''"""count_letters: how many letters a text has."""

from typing import Annotated

from mcp.types import CallToolResult

from sim_mcp.tools.context import ToolContext
from sim_mcp.tools.parameters import Name
from sim_mcp.tools.registry import Entry
from sim_mcp.tools.result import Answer, respond


class LetterAnswer(Answer):
    """How many letters there are."""

    letters: int


async def count_letters(ctx: ToolContext, text: Name) -> Annotated[CallToolResult, LetterAnswer]:
    """Count the letters of the name of a SIM card. Returns their number."""
    await ctx.report_progress(1, 1)
    answer = LetterAnswer(letters=sum(map(str.isalpha, text)))
    return respond(answer, render(answer))


TOOL = Entry(count_letters, "Count letters")


def render(answer: LetterAnswer) -> str:
    """Return the number of letters in words."""
    return f"{answer.letters} letters"
'''
TOOL_TEST = """from sim_mcp.tools.sims.count_letters import LetterAnswer, render


def test_the_letters_are_counted_in_words() -> None:
    assert render(LetterAnswer(letters=3)) == "3 letters"
"""
RULE = '''

def tagged_as_lost(evidence: Evidence) -> Finding | None:
    """Find that somebody wrote down that the device is lost (emnify docs: tags)."""
    if evidence.sim.device is None or "mislaid" not in (evidence.sim.device.tags or ""):
        return None
    return Finding("Its tags say that it is mislaid.", "certain", steps=("Look for it.",))
'''
SCENARIO = """
def _mislaid(sim: SimBuilder) -> None:
    sim.name, sim.kind, sim.tags = "Tracker Irgendwo 1", 1, "mislaid"


SCENARIOS = (
    Scenario(99, "mislaid", "somebody wrote down that it is mislaid", _mislaid),
"""
METHOD = '''
    async def get_sim_label(self, sim_id: int, *, deadline_s: float | None = None) -> SimLabel:
        """Get what is printed on a SIM (GET /api/v1/sim/{id}/label)."""
        return parse_record(SimLabel, await self._send(on_sim("GET", "/label", sim_id), deadline_s))

    async def get_sim_usage('''
MODEL = '''

class SimLabel(Record):
    """What is printed on a SIM (GET /api/v1/sim/{id}/label)."""

    text: Text | None = None
'''
ROUTE = '''
def get_label(call: Call) -> Answer:
    """Answer `GET /api/v1/sim/{id}/label`."""
    return php({"text": f"SIM {call.number()}"})


ROUTES: tuple[RouteEntry, ...] = (
    ("GET", "/sim/{id}/label", get_label),
'''
CLIENT_TEST = """from sim_mcp.emnify import EmnifyClient
from sim_mcp.emnify.limits.rate_limit import PUBLISHED_LIMITS
from sim_mcp.sandbox import SandboxSettings
from tests.support import fleet_of


async def test_the_label_of_a_sim_is_read() -> None:
    assert "GET /api/v1/sim/{id}/label" in PUBLISHED_LIMITS.per_operation
    async with fleet_of(SandboxSettings(sims=60)) as fleet:
        sim = fleet.scenarios["healthy"]["sim_id"]
        token = fleet.world.tokens["enterprise"]
        async with EmnifyClient(base_url=fleet.world.base_url, application_token=token) as client:
            assert (await client.get_sim_label(sim)).text == f"SIM {sim}"
"""
ROUTE_TEST = """from tests.sandbox.conftest import RoleClient


def test_a_label_is_served(api: RoleClient) -> None:
    answer = api.get(api.sim_path("healthy", "/label"))
    assert answer.json() == {"text": f"SIM {api.sim_id('healthy')}"}
"""

KIND = '''"""Wake SIMs: PATCH /api/v1/sim/{id}."""

from typing import ClassVar, Literal

from sim_mcp.changes.item import PlannedItem
from sim_mcp.changes.kinds.kind import Consequences, SimKind
from sim_mcp.changes.outcome import Sent
from sim_mcp.emnify import EmnifyClient, Sim, SimChange, SimStatus, lifecycle


class Wake(SimKind):
    """Wake SIMs that are suspended."""

    tool: ClassVar = "wake_sims"
    operation: ClassVar = "PATCH /api/v1/sim/{id}"

    kind: Literal["wake"] = "wake"

    @property
    def target_state(self) -> str:
        return "Awake"

    def summarize(self, sims: str) -> str:
        return f"Wake {sims}"

    def consequences(self) -> Consequences:
        return Consequences("awake", "charged")

    def state(self, sim: Sim) -> str:
        return "Awake" if self.is_done(sim) else "Asleep"

    def is_done(self, sim: Sim | None) -> bool:
        return sim is not None and sim.known_status is SimStatus.ACTIVATED

    def refusal(self, sim: Sim, own_organisation: int | None) -> str | None:
        return lifecycle.refusal(sim.known_status, SimStatus.ACTIVATED)

    def effect(self, sim: Sim) -> str:
        return "it wakes"

    async def write(self, client: EmnifyClient, item: PlannedItem) -> Sent:
        return Sent(request=await client.update_sim(item.sim_id, SimChange(status=SimStatus.ACTIVATED)))
'''
KIND_TOOL = '''"""Wake SIMs."""

from typing import Annotated

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp.types import CallToolResult

from sim_mcp.changes.consent import Agreement, NoForm
from sim_mcp.changes.kinds.wake import Wake
from sim_mcp.tools.changes.change_report import ChangeReport, carry_out
from sim_mcp.tools.changes.choice import Chosen
from sim_mcp.tools.changes.proposal import Proposal, ask, propose
from sim_mcp.tools.context import ToolContext
from sim_mcp.tools.parameters import SimNames
from sim_mcp.tools.registry import Entry


async def _propose(ctx: ToolContext, chosen: Chosen) -> Proposal:
    return await propose(ctx, chosen, Wake())


_Proposal = Annotated[Proposal, Resolve(_propose)]


async def _ask(ctx: ToolContext, proposal: _Proposal) -> Elicit[Agreement] | Agreement | NoForm:
    return await ask(ctx, proposal, Agreement)


async def wake_sims(
    ctx: ToolContext,
    proposal: _Proposal,
    agreed: Annotated[ElicitationResult[Agreement], Resolve(_ask)],
    sims: SimNames | None = None,
    status: str | None = None,
    customer: str | None = None,
    model: str | None = None,
    has_device: bool | None = None,
) -> Annotated[CallToolResult, ChangeReport]:
    """Wake SIM cards that are suspended."""
    return await carry_out(ctx, proposal, agreed)


TOOL = Entry(wake_sims, "Wake SIMs", effect="writes")
'''
KIND_TEST = """from sim_mcp.changes.kinds import KINDS, STATUSES
from sim_mcp.changes.kinds.wake import Wake
from sim_mcp.changes.plan import Plan


def test_it_is_found_and_kept_by_the_journal() -> None:
    assert Wake in KINDS
    assert STATUSES["wake_sims"] == ()
    assert Plan.model_validate_json(Plan.of(Wake(), ()).model_dump_json()).change == Wake()
"""
KIND_TOOL_TEST = """from sim_mcp.tools import registry


def test_it_may_write() -> None:
    assert "wake_sims" in {entry.name for entry in registry.tools(may_write=True)}
    assert "wake_sims" not in {entry.name for entry in registry.tools(may_write=False)}
"""
POLICY = """[[rule]]
tool = "wake_sims"
decision = "allow"
"""


class Copy:
    """A copy of the project, and which of its files differ from the original."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "copy"
        for name in COPIED:
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, self.root / name)
        self._before = self._contents()

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Put new text in the place of an old one, which is there once."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        self.write(path, text.replace(old, new))

    def run(self, *words: str, **extra: str) -> str:
        env = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200", **extra}
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def test(self, *paths: str) -> None:
        self.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *paths)

    @property
    def touched(self) -> list[str]:
        """The files that were added or changed."""
        return sorted(path for path, content in self._contents().items() if self._before.get(path) != content)

    def _contents(self) -> dict[str, bytes]:
        files = [path for path in self.root.rglob("*") if path.is_file()]
        hidden = re.compile(r"__pycache__|\.hypothesis|\.pytest_cache|\.import_linter_cache")
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files if not hidden.search(str(path))}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_a_reading_tool_costs_four_files(copy: Copy) -> None:
    copy.write("sim_mcp/tools/sims/count_letters.py", TOOL)
    copy.write("tests/tools/sims/test_count_letters.py", TOOL_TEST)
    copy.edit("README.md", "| `get_sim` |", "| `count_letters` | how many letters | nothing |\n| `get_sim` |")
    snapshot = "tests/tools/test_definitions.py::test_the_definition_is_as_reviewed[count_letters]"
    copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--snapshot-update", snapshot)
    copy.test("tests/tools/sims/test_count_letters.py", snapshot, "tests/test_house.py", "-k", "not guard")
    assert "count_letters" in copy.run("-m", "sim_mcp", "tools")
    assert copy.run("-m", "sim_mcp", "call", "--sandbox", "count_letters", "text=SIM").split() == ["letters", "3"]
    assert len(copy.touched) == 4, copy.touched


def test_a_diagnosis_rule_costs_three_files(copy: Copy) -> None:
    rules, scenarios = "sim_mcp/fleet/diagnosis/rules_network.py", "sim_mcp/sandbox/world/scenarios/network.py"
    last = '    Rule(sessions_carry_nothing, "right APN but no data", ("events",)),\n'
    copy.edit(rules, last, f'{last}    Rule(tagged_as_lost, "mislaid"),\n')
    copy.edit(rules, "\n\ndef sessions_carry_nothing(", f"{RULE}\n\ndef sessions_carry_nothing(")
    copy.edit(scenarios, "\nSCENARIOS = (\n", SCENARIO)
    story = '    ("coverage", "policy_forbids_network", "likely", "Roaming not allowed"),\n'
    tests = "tests/fleet/diagnosis/test_diagnosis.py"
    copy.edit(tests, story, f'{story}    ("mislaid", "tagged_as_lost", "certain", ""),\n')
    copy.test(tests, "-k", "mislaid or every_rule")
    diagnosis = copy.run("-m", "sim_mcp", "call", "--sandbox", "diagnose_sim", "sim=Tracker Irgendwo 1")
    assert "Its tags say that it is mislaid." in diagnosis
    assert len(copy.touched) == 3, copy.touched


def test_an_endpoint_costs_six_files(copy: Copy) -> None:
    client = "sim_mcp/emnify/client.py"
    copy.edit(client, "\n    async def get_sim_usage(", METHOD)
    copy.edit(client, "import Bic\n", "import Bic\nfrom sim_mcp.emnify.models.sim import SimLabel\n")
    models = copy.root / "sim_mcp/emnify/models/sim.py"
    models.write_text(models.read_text(encoding="utf-8") + MODEL, encoding="utf-8")
    limits = "sim_mcp/emnify/limits/rate_limit.py"
    copy.edit(
        limits, "    per_operation={\n", '    per_operation={\n        "GET /api/v1/sim/{id}/label": Rate(10, 5),\n'
    )
    copy.edit("sim_mcp/sandbox/api/routes/sims.py", "\nROUTES: tuple[RouteEntry, ...] = (\n", ROUTE)
    copy.write("tests/emnify/test_label.py", CLIENT_TEST)
    copy.write("tests/sandbox/test_label.py", ROUTE_TEST)
    copy.test("tests/emnify/test_label.py", "tests/sandbox/test_label.py")
    assert len(copy.touched) == 6, copy.touched


def test_a_kind_of_change_costs_four_files(copy: Copy, tmp_path: Path) -> None:
    copy.write("sim_mcp/changes/kinds/wake.py", KIND)
    copy.write("sim_mcp/tools/changes/wake_sims.py", KIND_TOOL)
    copy.write("tests/changes/kinds/test_wake.py", KIND_TEST)
    copy.write("tests/tools/changes/test_wake_sims.py", KIND_TOOL_TEST)
    copy.test("tests/changes/kinds", "tests/tools/changes/test_wake_sims.py")
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    settings = {"SIM_MCP_POLICY": str(tmp_path / "policy.toml"), "SIM_MCP_STATE_DIR": str(tmp_path)}
    report = copy.run("-m", "sim_mcp", "call", "--sandbox", "wake_sims", "sims=Tracker Kipper 12", **settings)
    assert "Asleep" in report
    assert "the operator's policy" in report
    assert re.search(r"changed +Asleep +Awake", report)
    assert "Asleep → Awake" in copy.run("-m", "sim_mcp", "audit", **settings)
    assert len(copy.touched) == 4, copy.touched
