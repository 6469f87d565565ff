"""Whether and how a device is online, and what is left of its allowances."""

from pydantic import Field

from sim_mcp.emnify.models.label import Label
from sim_mcp.emnify.models.organisation import Country
from sim_mcp.emnify.values import Moment, Number, Record, Text, Whole


class Network(Record):
    """A mobile network, as block lists and locations name it."""

    id: Whole | None = None
    name: Text | None = None
    country: Country | None = None


class RadioType(Record):
    """How a device speaks to its network; emnify's own numbers, which event details need not share."""

    id: Whole | None = Field(default=None, alias="rat_type_id")
    description: Text | None = None


class Location(Record):
    """Where a device is attached."""

    last_updated: Moment | None = None
    operator: Network | None = None
    country: Country | None = None


class OpenSession(Record):
    """The data session that is open."""

    created: Moment | None = None
    duration: Text | None = None
    radio: RadioType | None = Field(default=None, alias="rat_type")


class Connectivity(Record):
    """Whether a device is online (GET /api/v1/endpoint/{id}/connectivity)."""

    status: Label | None = None
    location: Location | None = None
    pdp_context: OpenSession | None = None


class SubscriberInfo(Record):
    """What the network said of a subscriber: its state, or why it could not say."""

    success: bool | None = None
    state: Text | None = None
    error: Text | None = None


class ConnectivityInfo(Record):
    """A query to the visited network (GET /api/v1/endpoint/{id}/connectivity_info); 200 even where that failed."""

    subscriber_info: SubscriberInfo | None = None


class Quota(Record):
    """What is left of a device's allowance (GET /api/v1/endpoint/{id}/quota/data and /sms); MB, or a count of SMS."""

    status: Label | None = None
    volume: Number | None = None
    expiry_date: Moment | None = None
    auto_refill: bool | None = None
    """Whether it is filled up again every day."""
    action_on_exhaustion: Label | None = None


class LimitExtension(Record):
    """What was granted beyond a traffic limit (GET /api/v1/endpoint/{id}/traffic_limit_extension); in MB."""

    volume: Number | None = None
    expiration_date: Moment | None = None
