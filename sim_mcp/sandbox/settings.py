"""What a sandbox is made of: its size, its clock, its bad days, and its answers where the real ones are unknown."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, Self, get_args, get_origin

from sim_mcp.sandbox.faults import Faults


@dataclass(frozen=True, kw_only=True)
class Unknowns:
    """Name one setting per behaviour that emnify neither documents nor was seen showing.

    Every default is a choice, not a fact. A client that works under each alternative will not be surprised.
    """

    # Authentication
    missing_token: Literal["unauthorized", "segments"] = "unauthorized"  # noqa: S105  # a choice, no secret
    """401 text without an Authorization header: the gateway's stock text, or the one recorded for garbage."""
    expired_token: Literal["gateway", "application"] = "gateway"  # noqa: S105  # a choice, no secret
    """401 for a lapsed token: the gateway's `{"message"}` or the application's 1103 TokenExpired."""
    throttle_body: Literal["message", "error", "empty"] = "message"
    """429 body: the gateway's `{"message"}`, the application's 1105 TooManyRequests, or nothing."""
    retry_after: int | None = None
    """Seconds sent as `Retry-After` with a 429; None sends no such header."""

    # SIMs
    unknown_sim: Literal["404_1201", "404_1401"] = "404_1201"
    """The error of an unknown or foreign SIM: NotFound as documented, InvalidReference as recorded elsewhere."""
    illegal_transition: Literal["422_1406", "409"] = "422_1406"
    """Answer to a status that cannot follow the present one."""
    same_status: Literal["204", "422"] = "204"
    """Answer to the status the SIM already has; neither leaves an event."""
    unknown_status: Literal["422_1401", "400"] = "422_1401"
    """Answer to a status id that does not exist."""
    forbidden_target: Literal["422_1406", "400"] = "422_1406"
    """Answer to an organisation that exists but may not be given the SIM."""
    org_filter: Literal["either", "name", "id"] = "either"
    """What `q=customer_org:`, `reseller_org:` and `issuer_org:` mean on `/sim`: a name, or a part of it, or an id."""
    org_sort: Literal["id", "name"] = "id"
    """What `sort=customer_org`, `reseller_org` and `issuer_org` compare on `/sim`."""
    deleted_sims: Literal["hidden", "listed"] = "hidden"
    """Whether deleted SIMs are gone (404) or stay in the list with status 3."""
    delete_with_device: Literal["409", "422_1406"] = "409"
    """Answer to deleting a SIM that is assigned to a device."""
    multi_delete_atomic: bool = True
    """Whether one bad SIM in `DELETE /sim/multi` keeps all others from being deleted."""
    newer_sim_keys: bool = True
    """Whether SIMs carry iccid_with_luhn, eid and profile_type, which the recordings of 2022 lack."""
    installation_code_live: bool = True
    """Whether `/sim/{id}/installation_code` still exists; if not, 404."""
    factory_test_allowed: bool = True
    """Whether the plans of the customers include the factory test mode."""

    # Lists
    q_match: Literal["substring", "exact", "prefix"] = "substring"
    """How `q` compares iccid, imsi, msisdn, eid and names; ids and statuses always compare exactly."""
    endpoint_filter: Literal["either", "name", "id"] = "either"
    """What `q=endpoint:` means on `/sim`."""
    last_page_overflow: Literal["last", "empty"] = "last"
    """What comes after the last page: the last page again, as documented, or an empty list."""
    filter_header: bool = False
    """Whether `X-Filter` repeats the filter, which is documented but was never seen."""
    event_bad_page: Literal["400", "default"] = "400"
    """Answer of event lists to page or per_page below 1 or not a number."""
    timestamp_filter: Literal["calendar_day", "day_from_then"] = "calendar_day"
    """What `q=timestamp:` of event lists finds: the UTC day of the moment, or the 24 hours that follow it."""
    event_error_body: Literal["json", "empty"] = "json"
    """Whether errors of event lists have a body."""
    max_event_page: int = 1000
    """The largest `per_page` of event lists; more is clamped to it."""
    event_page_over_100: Literal["taken", "400"] = "taken"
    """Answer of event lists to a `per_page` above their default."""

    # Usage
    stats_shape: Literal["object", "array"] = "object"
    """`/stats` as one object, as seen, or as an array of one, as in emnify's OpenAPI file."""
    stats_numbers: Literal["string", "number"] = "string"
    """Volumes and costs as strings, as seen, or as numbers, as documented."""
    stats_month: Literal["datetime", "date"] = "datetime"
    """`month` as `2026-11-01T00:00:00.000Z` or as `2026-11-01`; both are in use."""
    sms_currency: Literal["EUR", "USD"] = "EUR"
    """The currency of SMS: that of the data, or another; whether one workspace can have several is not documented."""
    unknown_sim_stats: Literal["404_1201", "empty"] = "404_1201"
    """Answer of `/stats` and `/stats/daily` for an unknown SIM; "empty" is 200 without traffic."""
    daily_total_row: bool = True
    """Whether daily usage ends with a row dated TOTAL."""
    daily_idle_days: Literal["omitted", "zero"] = "omitted"
    """Whether days without traffic are left out or sent as zeros."""
    daily_start_only: Literal["end_of_month", "six_months"] = "end_of_month"
    """The range when only `start_date` is given; two pages of the documentation disagree."""

    inclusive_volume: Literal["none", "cost_absent", "cost_zero"] = "none"
    """Whether workspaces have inclusive volume, for which emnify returns no costs of data: absent then, or zero."""

    # Batches and devices
    register_without_status: Literal["issued", "activated"] = "issued"
    """The status of SIMs whose batch is registered without saying one, with or without a body."""
    reset_values: Literal["taken", "422"] = "taken"
    """Answer to a reset of connectivity whose members are not null; emnify's schema allows any value."""
    register_lag_s: float = 0.0
    """Seconds between registering a batch and its SIMs showing the new status; 25 minutes were recorded."""
    batch_answer: Literal["id_iccid", "full"] = "id_iccid"
    """What registering a batch returns per SIM: id and ICCID, as recorded, or the whole SIM, as documented."""
    create_activates: bool = True
    """Whether a device created with an issued SIM activates it unless told: recorded so, documented both ways."""
    sms_delivery_s: float = 2.0
    """Seconds until an SMS to a device that networks know is delivered."""
    sms_refused: Literal["422", "409"] = "422"
    """Answer to an SMS that cannot be taken: too long, or to a device without an active SIM; its body is empty."""
    cancel_final_sms: Literal["409", "422"] = "409"
    """Answer to cancelling an SMS that was delivered, failed or expired; its body is empty."""
    connectivity_numbers: Literal["string", "number"] = "string"
    """Whether ids in the connectivity of a device are strings."""

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read settings such as `same_status=422`.

        Raises:
            ValueError: if a name or a value is not among the known ones; the message lists those.
        """
        found: dict[str, object] = {}
        known = {each.name: each for each in fields(cls)}
        for text in texts:
            name, _, value = text.partition("=")
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; known are {', '.join(known)}")
            found[name] = _typed(name, value, known[name].type)
        return replace(cls(), **found)  # type: ignore[arg-type]  # each value was converted to its field's type


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """Say which sandbox to start."""

    host: str = "127.0.0.1"
    """Address to listen on; only loopback makes sense, for the control plane asks for no password."""
    port: int = 0
    """Port to listen on; 0 takes any free one."""
    sims: int = 500
    """Number of registered SIMs, the scenarios included; SIMs of batches still to be registered come on top."""
    seed: int = 1
    """What all chance derives from."""
    clock: datetime | None = None
    """When the world begins, and runs on from there; None is the real time."""
    db: Path | None = None
    """File of the world, made if missing and used again if it fits; None keeps it private and temporary."""
    limits: bool = False
    """Whether the published rate limits hold."""
    window_s: float = 300.0
    """How long the windows of the limits per address are, in seconds; what they allow shrinks with them."""
    faults: Faults = field(default_factory=Faults)
    """What goes wrong from the start; can be changed while running."""
    unknowns: Unknowns = field(default_factory=Unknowns)
    """How to answer where emnify's answer is unknown."""


def _typed(name: str, value: str, kind: object) -> object:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{name}={value!r}: expected one of {', '.join(get_args(kind))}")
        return value
    if kind is bool:
        if value.lower() not in {"true", "false", "1", "0"}:
            raise ValueError(f"{name}={value!r}: expected true or false")
        return value.lower() in {"true", "1"}
    if kind == int | None and value.lower() in {"", "none"}:
        return None
    try:
        return float(value) if kind is float else int(value)
    except ValueError:
        raise ValueError(f"{name}={value!r}: expected a number") from None
