"""Whether networks know a device, as `/api/v1/endpoint/{id}/connectivity` says it."""

from sim_mcp.sandbox.store.store import SimRow, Store
from sim_mcp.sandbox.world.catalogue import Status
from sim_mcp.sandbox.world.clock import DAY, Clock
from sim_mcp.sandbox.world.traffic_model import Session, TrafficModel

_FORGOTTEN = 2 * DAY
"""Networks report an absent device after one or two days (emnify docs: connectivity)."""


def connectivity_state(
    store: Store, traffic: TrafficModel, clock: Clock, endpoint: int, sim: SimRow | None
) -> tuple[str, Session | None]:
    """Return ONLINE, ATTACHED, OFFLINE or BLOCKED, and the newest session, of a device with this SIM in it."""
    if sim is None:
        return "OFFLINE", None
    stored = store.rows("SELECT connectivity FROM state WHERE endpoint = ?", endpoint)
    if stored and stored[0][0] is not None:
        return str(stored[0][0]), None
    now = clock.now()
    recent = list(traffic.sessions(sim, now - _FORGOTTEN, now))
    if not recent or sim.status != Status.ACTIVATED:
        return "OFFLINE", None
    return ("ONLINE" if now < recent[-1].stop else "ATTACHED"), recent[-1]
