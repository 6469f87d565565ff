"""The account a SIM belongs to: its issuer, reseller or customer."""

from sim_mcp.emnify.values import Record, Text, Whole


class Country(Record):
    """A country, as emnify numbers it."""

    id: Whole | None = None
    name: Text | None = None


class Organisation(Record):
    """A workspace: the issuer, reseller or customer of a SIM."""

    id: Whole
    name: Text | None = None
    country: Country | None = None
