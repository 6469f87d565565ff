"""What emnify sends, as typed records: read leniently, so that only a missing id loses a record."""

from sim_mcp.emnify.models.batch import Batch
from sim_mcp.emnify.models.connectivity import (
    Connectivity,
    ConnectivityInfo,
    LimitExtension,
    Network,
    Quota,
)
from sim_mcp.emnify.models.event import Event
from sim_mcp.emnify.models.flat_sim import FlatSim, flat_sim, flatten
from sim_mcp.emnify.models.label import Label
from sim_mcp.emnify.models.organisation import Country, Organisation
from sim_mcp.emnify.models.sim import Device, Sim, SimModel, SimRef

__all__ = [
    "Batch",
    "Connectivity",
    "ConnectivityInfo",
    "Country",
    "Device",
    "Event",
    "FlatSim",
    "Label",
    "LimitExtension",
    "Network",
    "Organisation",
    "Quota",
    "Sim",
    "SimModel",
    "SimRef",
    "flat_sim",
    "flatten",
]
