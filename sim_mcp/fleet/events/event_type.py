"""The types of events that say something about a SIM, by emnify's number (emnify docs: event types)."""

from enum import IntEnum


class EventType(IntEnum):
    """Name the event types that the timeline and the diagnosis tell apart; emnify has more."""

    UPDATE_LOCATION = 1
    UPDATE_GPRS_LOCATION = 2
    CREATE_PDP_CONTEXT = 3
    UPDATE_PDP_CONTEXT = 4
    DELETE_PDP_CONTEXT = 5
    ACTIVATION = 8
    SUSPENSION = 9
    DELETION = 10
    DEVICE_BLOCKED = 11
    WORKSPACE_BLOCKED = 12
    PURGE_LOCATION = 15
    PURGE_GPRS_LOCATION = 16
    QUOTA_LOW = 18
    QUOTA_USED_UP = 19
    SMS_QUOTA_LOW = 20
    SMS_QUOTA_USED_UP = 21
    DEVICE_ENABLED = 42
    DEVICE_DISABLED = 43
    FACTORY_TEST = 45
    RELEASED = 50
    ASSIGNED = 51
    QUOTA_ASSIGNED = 56
    SMS_QUOTA_ASSIGNED = 58
    QUOTA_EXPIRED = 60
    CONNECTIVITY_RESET = 68
    MIGRATION = 69


ATTACHES = frozenset({EventType.UPDATE_LOCATION, EventType.UPDATE_GPRS_LOCATION})
PURGES = frozenset({EventType.PURGE_LOCATION, EventType.PURGE_GPRS_LOCATION})
FROM_NETWORK = (
    ATTACHES | PURGES | {EventType.CREATE_PDP_CONTEXT, EventType.UPDATE_PDP_CONTEXT, EventType.DELETE_PDP_CONTEXT}
)
"""Types that only a device in reach of a network causes, or its absence (emnify docs: event types)."""

FROM_DEVICE = FROM_NETWORK - PURGES
"""Types in which a device was heard; a purge is the network's word that it was not."""

STATUS_CHANGES = frozenset({EventType.ACTIVATION, EventType.SUSPENSION, EventType.DELETION, EventType.FACTORY_TEST})
DEVICE_CHANGES = frozenset(
    {
        EventType.DEVICE_ENABLED,
        EventType.DEVICE_DISABLED,
        EventType.RELEASED,
        EventType.ASSIGNED,
        EventType.CONNECTIVITY_RESET,
        EventType.MIGRATION,
    }
)
