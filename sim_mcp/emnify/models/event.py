"""Something that happened to a SIM or a device."""

from typing import Any

from pydantic import Field, field_validator

from sim_mcp.emnify.models.label import Label
from sim_mcp.emnify.models.sim import Device, SimRef
from sim_mcp.emnify.values import AnyObject, Moment, Record, Text, Whole


class Event(Record):
    """Something that happened to a SIM (GET /api/v1/sim/{id}/event)."""

    id: Whole
    timestamp: Moment | None = None
    type: Label | None = Field(default=None, alias="event_type")
    source: Label | None = Field(default=None, alias="event_source")
    severity: Label | None = Field(default=None, alias="event_severity")
    alert: bool | None = None
    description: Text | None = None
    detail: AnyObject | None = None
    sim: SimRef | None = None
    device: Device | None = Field(default=None, alias="endpoint")
    imsi: Text | None = None
    user: Label | None = None

    @field_validator("imsi", mode="before")
    @classmethod
    def _imsi_of_object(cls, value: Any) -> Any:
        return value.get("imsi") if isinstance(value, dict) else value
