"""What every route needs: the world, who asks, and what was sent."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sim_mcp.sandbox.api.answers import Answer, Backend, Refusal, error, nothing
from sim_mcp.sandbox.api.auth import Authority, Identity
from sim_mcp.sandbox.api.filters import Filters
from sim_mcp.sandbox.api.limits import Limits
from sim_mcp.sandbox.api.request_log import RequestLog
from sim_mcp.sandbox.api.routes.usage import UsageReports
from sim_mcp.sandbox.faults import FaultPlan
from sim_mcp.sandbox.settings import SandboxSettings, Unknowns
from sim_mcp.sandbox.store.store import EndpointRow, SimRow, Store
from sim_mcp.sandbox.world.catalogue import Role, Status, family
from sim_mcp.sandbox.world.clock import SECOND, Clock, to_ms
from sim_mcp.sandbox.world.entitlements import Entitlements
from sim_mcp.sandbox.world.events import EventLog
from sim_mcp.sandbox.world.messages import Messages
from sim_mcp.sandbox.world.registry import Registry
from sim_mcp.sandbox.world.traffic_model import TrafficModel

_LONG = re.compile(r"-?[0-9]{1,18}")
_TOO_LONG = 2**63


@dataclass(frozen=True)
class Core:
    """Hold all parts of a sandbox."""

    settings: SandboxSettings
    clock: Clock
    store: Store
    traffic: TrafficModel
    event_log: EventLog
    usage: UsageReports
    registry: Registry
    filters: Filters
    authority: Authority
    faults: FaultPlan
    limits: Limits
    request_log: RequestLog
    entitlements: Entitlements
    messages: Messages

    @classmethod
    def build(cls, settings: SandboxSettings, clock: Clock, store: Store) -> "Core":
        """Put the parts together around a world."""
        traffic = TrafficModel(store, settings.seed, clock)
        event_log = EventLog(store, traffic, clock)
        entitlements = Entitlements(store, traffic, event_log, clock)
        delivery_ms = int(settings.unknowns.sms_delivery_s * SECOND)
        return cls(
            settings, clock, store, traffic, event_log, UsageReports(traffic, clock, settings.unknowns),
            Registry(store, traffic, event_log, clock), Filters(settings.unknowns),
            Authority(settings.seed, clock, settings.unknowns), FaultPlan(settings.faults, settings.seed),
            Limits(settings.window_s), RequestLog(), entitlements,
            Messages(store, traffic, entitlements, clock, delivery_ms),
        )  # fmt: skip


@dataclass(frozen=True)
class Call:
    """Hold one request."""

    core: Core
    identity: Identity
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    @property
    def store(self) -> Store:
        """The world."""
        return self.core.store

    @property
    def unknowns(self) -> Unknowns:
        """The choices for what is unknown."""
        return self.core.settings.unknowns

    @property
    def org(self) -> int:
        """The organisation that asks."""
        return self.identity.organisation.id

    def json(self) -> object:
        """Read the body.

        Raises:
            Refusal: 400 1000, if it is no JSON.
        """
        try:
            value: object = json.loads(self.raw)
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise bad_request("Cannot parse request body as JSON.") from None
        return value

    def json_object(self) -> dict[str, object]:
        """Read the body, which is to be an object.

        Raises:
            Refusal: 400 1000, if it is none.
        """
        body = self.json()
        if not isinstance(body, dict):
            raise bad_request("Request body must be a JSON object.")
        return body

    def number(self, name: str = "id") -> int:
        """Read a number in the path.

        Raises:
            Refusal: 400 1000 as recorded, if it is none.
        """
        text = self.path[name]
        if not _LONG.fullmatch(text):
            raise bad_request(f'Cannot parse parameter {name} as Long: For input string: "{text}"')
        return int(text)

    def location(self, path: str) -> tuple[str, str]:
        """Return the header that says where something that was made is, below /api/v1."""
        return "Location", f"http://{self.headers.get('host', 'localhost')}/api/v1{path}"

    def sees(self, sim: SimRow) -> bool:
        """Return whether the caller may see a SIM."""
        if sim.status == Status.DELETED and self.unknowns.deleted_sims == "hidden":
            return False
        owner = {Role.ENTERPRISE: sim.customer, Role.RESELLER: sim.reseller, Role.ISSUER: sim.issuer}[
            self.identity.role
        ]
        return owner in family(self.org, self.identity.role)

    def find_sim(self, sim_id: int) -> SimRow | None:
        """Return a SIM if the caller may see it."""
        sim = self.store.sim(sim_id)
        return sim if sim is not None and self.sees(sim) else None

    def sim(self, sim_id: int | None = None) -> SimRow:
        """Return the SIM in the path, or another one.

        Raises:
            Refusal: 404, if there is none or it belongs to somebody else.
        """
        wanted = self.number() if sim_id is None else sim_id
        sim = self.find_sim(wanted)
        if sim is None:
            raise Refusal(unknown_sim(self.unknowns, wanted))
        return sim

    def find_endpoint(self) -> EndpointRow | None:
        """Return the device in the path, if it exists and belongs to the caller."""
        endpoint = self.store.endpoint(self.number())
        return endpoint if endpoint is not None and endpoint.org == self.org else None

    def endpoint_or_empty(self) -> EndpointRow:
        """Return the device in the path, for routes of the oldest backend.

        Raises:
            Refusal: 404 without a body, if there is none or it belongs to somebody else.
        """
        endpoint = self.find_endpoint()
        if endpoint is None:
            raise Refusal(nothing(Backend.PHP, 404))
        return endpoint

    def endpoint(self) -> EndpointRow:
        """Return the device in the path.

        Raises:
            Refusal: 404 1401 as recorded, if there is none or it belongs to somebody else.
        """
        endpoint = self.find_endpoint()
        if endpoint is None:
            raise Refusal(error(404, 1401, "InvalidReference", f"Endpoint with Id '{self.number()}' not found."))
        return endpoint


Handler = Callable[[Call], Answer]
RouteEntry = tuple[str, str, Handler]
"""Method, path below /api/v1 (or from /api/ on), and who answers it; a module of `routes` lists its own as `ROUTES`."""


def bad_request(message: str) -> Refusal:
    """Refuse what cannot be read."""
    return Refusal(error(400, 1000, "BadRequest", message))


def unknown_sim(unknowns: Unknowns, sim_id: int) -> Answer:
    """Answer that there is no such SIM, in the way the settings choose."""
    if unknowns.unknown_sim == "404_1401":
        return error(404, 1401, "InvalidReference", f"Sim with Id '{sim_id}' not found.")
    return error(404, 1201, "NotFound", f"Sim with id {sim_id} not found")


def reference(value: object) -> int | None:
    """Read the id of `{"id": 1}`, where whole floats and numeric strings pass; None is no such reference."""
    found = value.get("id") if isinstance(value, dict) else None
    if isinstance(found, bool):
        return None
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, str) and _LONG.fullmatch(found):
        return int(found)
    return found if isinstance(found, int) and abs(found) < _TOO_LONG else None


def moment(value: object) -> int | None:
    """Read a moment of a body in milliseconds since 1970, without a zone taken as UTC; None is no such moment."""
    try:
        return to_ms(datetime.fromisoformat(str(value)))
    except (ValueError, OverflowError):
        return None
