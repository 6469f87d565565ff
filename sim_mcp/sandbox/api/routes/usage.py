"""Usage as in `/stats` and `/stats/daily` (`GET /api/v1/sim/{id}/stats`, emnify docs: usage)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from sim_mcp.sandbox.api.shapes import EURO
from sim_mcp.sandbox.settings import Unknowns
from sim_mcp.sandbox.store.store import SimRow
from sim_mcp.sandbox.world.clock import DAY, HOUR, MINUTE, SECOND, Clock, day_name, from_ms, zulu_date
from sim_mcp.sandbox.world.traffic_model import EUR_PER_SMS, TrafficModel, Use

_DATA = 5
_SMS = 6
_TYPES = {
    _DATA: {"description": "Data", "unit": "MB", "id": _DATA},
    _SMS: {"description": "SMS", "unit": "SMS", "id": _SMS},
}
_CURRENCY = {"code": "EUR", "symbol": "€", "id": 1}
_DOLLAR = {"code": "USD", "symbol": "$", "id": 2}
_LONGEST = 400
"""Days that one answer covers at most."""


class UsageReports:
    """Build the usage of SIMs as the API's JSON."""

    def __init__(self, traffic: TrafficModel, clock: Clock, unknowns: Unknowns) -> None:
        self._traffic = traffic
        self._clock = clock
        self._unknowns = unknowns
        self._totals: dict[tuple[object, ...], dict[str, object]] = {}

    def months(self, sims: list[SimRow], owner: str, owner_id: int, device: int | None = None) -> object:
        """Return this month, the last one and the last hour, of one device or of any; idle months are absent."""
        body = self._both_months(sims, owner, owner_id, device)
        body["last_hour"] = self._last_hour(sims, self._clock.now(), device)
        return [body] if self._unknowns.stats_shape == "array" else body

    def organisation_months(self, sims: list[SimRow], org: int) -> dict[str, object]:
        """Return the traffic of an organisation this month and last (`GET /api/v1/organisation/my/stats`).

        Like the real one, it is brought up to date from time to time: once an hour.
        """
        key = (org, len(sims), self._clock.now() // HOUR)
        if key not in self._totals:
            self._totals = {key: self._both_months(sims, "organisation_id", org)}
        return dict(self._totals[key])

    def _both_months(
        self, sims: list[SimRow], owner: str, owner_id: int, device: int | None = None
    ) -> dict[str, object]:
        today = from_ms(self._clock.now()).date()
        this = today.replace(day=1)
        last = (this - timedelta(days=1)).replace(day=1)
        body: dict[str, object] = {}
        for name, first, end in (("last_month", last, this), ("current_month", this, today + timedelta(days=1))):
            total = Use()
            for sim in sims:
                for use in self._traffic.days(sim, _day(first), _day(end) - 1, device).values():
                    total.add(use)
            month = self._month(total, first, owner, owner_id)
            if month:
                body[name] = month
        return body

    def daily(self, sims: list[SimRow], first: date, last: date, device: int | None = None) -> list[object]:
        """Return one row per day with traffic, of one device or of any, and a last row with the total."""
        found: dict[int, Use] = {}
        for sim in sims:
            for day, use in self._traffic.days(sim, _day(first), _day(last), device).items():
                found.setdefault(day, Use()).add(use)
        found = dict(sorted(found.items()))
        if self._unknowns.daily_idle_days == "zero":
            found = {day: found.get(day, Use()) for day in range(_day(first), _day(last) + 1)}
        rows: list[object] = [{"date": day_name(day), **self._day_row(use)} for day, use in found.items()]
        if self._unknowns.daily_total_row and found:
            total = Use()
            for use in found.values():
                total.add(use)
            rows.append({"date": "TOTAL", **self._day_row(total)})
        return rows

    def range(self, start: str | None, end: str | None) -> tuple[date, date]:
        """Read the two dates of a query as emnify completes them (emnify docs: SIM usage per day).

        Raises:
            ValueError: if a date is none or the two are reversed.
        """
        try:
            first, last = self._completed(start, end)
            return max(first, last - timedelta(days=_LONGEST)), last
        except OverflowError:
            raise ValueError("a date is out of range") from None

    def _completed(self, start: str | None, end: str | None) -> tuple[date, date]:
        today = from_ms(self._clock.now()).date()
        last = date.fromisoformat(end) if end else None
        if start:
            first = date.fromisoformat(start)
            if last is None:
                six_months = self._unknowns.daily_start_only == "six_months"
                last = first + timedelta(days=183) if six_months else _month_end(first)
        else:
            first = (last or today).replace(day=1)
            last = last or today
        if last < first:
            raise ValueError("end_date is before start_date")
        return first, last

    def _month(self, use: Use, first: date, owner: str, owner_id: int) -> dict[str, object]:
        stamp = first.isoformat()
        body: dict[str, object] = {}
        for name, kind, rx, tx, cost, digits in (
            ("data", _DATA, use.rx, use.tx, use.cost, 8),
            ("sms", _SMS, use.sms_rx, use.sms_tx, use.sms_tx * EUR_PER_SMS, 10),
        ):
            if rx + tx:
                currency = _DOLLAR if kind == _SMS and self._unknowns.sms_currency == "USD" else _CURRENCY
                body[name] = {
                    owner: owner_id,
                    "month": f"{stamp}T00:00:00.000Z" if self._unknowns.stats_month == "datetime" else stamp,
                    **self._volumes(rx, tx),
                    "traffic_type_id": kind,
                    "last_updated": zulu_date(use.last // SECOND * SECOND),
                    **(self._data_cost(cost, digits) if kind == _DATA else {"cost": self._number(cost, digits)}),
                    "currency_id": currency["id"],
                    "id": int(f"{owner_id}{first:%Y%m}{kind}"),
                    "traffic_type": _TYPES[kind],
                    "currency": currency,
                }
        return body

    def _day_row(self, use: Use) -> dict[str, object]:
        row: dict[str, object] = {}
        idle = self._unknowns.daily_idle_days == "zero"
        if use.rx + use.tx or idle:
            row["data"] = {
                **self._volumes(use.rx, use.tx),
                **self._data_cost(use.cost, 2),
                "traffic_type": {"id": _DATA, "description": "Data", "unit": "MB"},
                "currency": EURO,
            }
        if use.sms_rx + use.sms_tx or idle:
            row["sms"] = {
                **self._volumes(use.sms_rx, use.sms_tx),
                "traffic_type": {"id": _SMS, "description": "SMS", "unit": "SMS"},
            }
        return row

    def _volumes(self, rx: float, tx: float) -> dict[str, object]:
        number: Callable[[float], object] = lambda value: self._number(value, 6)  # noqa: E731  # used three times below
        return {"volume": number(rx + tx), "volume_tx": number(tx), "volume_rx": number(rx)}

    def _data_cost(self, cost: float, digits: int) -> dict[str, object]:
        match self._unknowns.inclusive_volume:
            case "none":
                return {"cost": self._number(cost, digits)}
            case "cost_zero":
                return {"cost": self._number(0, digits)}
            case "cost_absent":
                return {}

    def _number(self, value: float, digits: int) -> object:
        return f"{value:.{digits}f}" if self._unknowns.stats_numbers == "string" else round(value, digits)

    def _last_hour(self, sims: list[SimRow], now: int, device: int | None) -> dict[str, object]:
        minutes = range(now // MINUTE - 59, now // MINUTE)
        rx, tx = dict.fromkeys(minutes, 0.0), dict.fromkeys(minutes, 0.0)
        for session in (each for sim in sims for each in self._traffic.sessions(sim, now - DAY, now, device)):
            length = (session.stop - session.start) / MINUTE
            for minute in range(max(minutes[0], session.start // MINUTE), min(minutes[-1] + 1, session.stop // MINUTE)):
                rx[minute] += session.rx / length
                tx[minute] += session.tx / length
        idle = [[_clock_time(minute), 0] for minute in minutes]
        return {
            "data": {
                "rx": [[_clock_time(minute), round(value, 6) or 0] for minute, value in rx.items()],
                "tx": [[_clock_time(minute), round(value, 6) or 0] for minute, value in tx.items()],
            },
            "sms": {"rx": idle, "tx": idle},
        }


def _day(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _clock_time(minute: int) -> str:
    return datetime.fromtimestamp(minute * MINUTE // SECOND, UTC).strftime("%H:%M")
