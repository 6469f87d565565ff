"""Evidence made by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sim_mcp.emnify import (
    Connectivity,
    Device,
    Quota,
    Sim,
    SimUsage,
)
from sim_mcp.fleet.diagnosis.evidence import Evidence
from sim_mcp.fleet.events.event import Event, newest_first

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def event(ago_h: float, kind: int, text: str = "", **known: Any) -> Event:
    number = int((1000 - ago_h) * 1000)
    refused = "reject" in text.lower()
    return Event(
        id=number, at=NOW - timedelta(hours=ago_h), type=kind, name=f"type {kind}", text=text, rejected=refused, **known
    )


def refusal(ago_h: float, reason: str) -> Event:
    return event(ago_h, 3, f"PDP Context Request rejected, because {reason}")


def rejection(ago_h: float, who: str = "T-Mobile") -> Event:
    return event(
        ago_h, 1, f"Location update rejected from VLR 4860 ({who}) for IMSI 1. This operator is not supported."
    )


def session(
    ago_h: float, hours: float = 1.0, mb: float = 1.0, apn: str = "em", country: str = "Germany"
) -> list[Event]:
    key = f"session {ago_h}"
    return [
        event(ago_h, 3, session=key, apn=apn, country=country),
        event(ago_h - hours, 5, session=key, mb=mb, country=country),
    ]


def evidence(*events: Event, state: str | None = "OFFLINE", **known: Any) -> Evidence:
    sim = {"id": 7, "iccid": "8988303000000000129", "status": {"id": 1}, "endpoint": {"id": 9, "status": {"id": 0}}}
    read = Sim.model_validate(sim | known.pop("sim", {}))
    connectivity = None if state is None else Connectivity.model_validate({"status": {"description": state}})
    return replace(
        Evidence(now=NOW, sim=read, device=read.device, connectivity=connectivity, events=newest_first(events)), **known
    )


def quota(status: int, action: int = 1) -> Quota:
    return Quota.model_validate({"status": {"id": str(status)}, "action_on_exhaustion": {"id": action}, "volume": 1})


def usage(this: float, last: float) -> SimUsage:
    return SimUsage.model_validate(
        {"current_month": {"data": {"volume": this}}, "last_month": {"data": {"volume": last}}}
    )


LOCKED = Device.model_validate({"id": 9, "status": {"id": 0}, "imei_lock": True, "imei": "3510000000000101"})


UNLOCKED = LOCKED.model_copy(update={"imei_lock": False})


OLD_ATTACH = event(10, 1, "New location received")
