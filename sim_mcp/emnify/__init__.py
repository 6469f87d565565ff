"""The emnify REST API for SIM cards, as typed Python."""

from sim_mcp.emnify.change import CLEAR, SimChange, Target
from sim_mcp.emnify.client import EmnifyClient
from sim_mcp.emnify.errors import (
    AuthenticationError,
    ConflictError,
    DeadlineExceededError,
    EmnifyError,
    ForbiddenError,
    InvalidValueError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    RuleError,
    UnreachableError,
    UnreadableAnswerError,
    UpstreamError,
)
from sim_mcp.emnify.filters import DeviceFilter, EventFilter, SimFilter, SimSort, SimSortField, event_type_id
from sim_mcp.emnify.identifiers import ICCID_LENGTH, Bic, SimReference, compact, luhn_digit, parse_iccid, readings
from sim_mcp.emnify.models import Batch, Device, Event, Label, Organisation, Page, Sim, SimRef
from sim_mcp.emnify.organisation import OrganisationStats, TariffPlan
from sim_mcp.emnify.pacing import PUBLISHED_LIMITS, Limits, Rate, Window, in_background
from sim_mcp.emnify.usage import DailyUsage, DayUsage, MonthUsage, SimUsage, Traffic
from sim_mcp.emnify.values import SimStatus

__all__ = [
    "CLEAR",
    "ICCID_LENGTH",
    "PUBLISHED_LIMITS",
    "AuthenticationError",
    "Batch",
    "Bic",
    "ConflictError",
    "DailyUsage",
    "DayUsage",
    "DeadlineExceededError",
    "Device",
    "DeviceFilter",
    "EmnifyClient",
    "EmnifyError",
    "Event",
    "EventFilter",
    "ForbiddenError",
    "InvalidValueError",
    "Label",
    "Limits",
    "MonthUsage",
    "NotFoundError",
    "Organisation",
    "OrganisationStats",
    "OutcomeUnknownError",
    "Page",
    "Rate",
    "RateLimitedError",
    "RuleError",
    "Sim",
    "SimChange",
    "SimFilter",
    "SimRef",
    "SimReference",
    "SimSort",
    "SimSortField",
    "SimStatus",
    "SimUsage",
    "Target",
    "TariffPlan",
    "Traffic",
    "UnreachableError",
    "UnreadableAnswerError",
    "UpstreamError",
    "Window",
    "compact",
    "event_type_id",
    "in_background",
    "luhn_digit",
    "parse_iccid",
    "readings",
]
