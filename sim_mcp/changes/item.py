"""One line of a plan: a SIM, or a batch, as it was read, and what the change means for it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from sim_mcp.sanitize import quoted

Verdict = Literal["change", "already", "refused"]


class PlannedItem(BaseModel):
    """One SIM or one batch of a plan; unchangeable, and as durable as the journal it is written to."""

    model_config = ConfigDict(frozen=True)

    sim_id: int
    iccid: str | None
    imsi: str | None = None
    msisdn: str | None = None
    eid: str | None = None
    device: str | None = None
    organisation: str | None = None
    before: str
    after: str
    verdict: Verdict
    reason: str
    fingerprint: str = ""

    @property
    def identity(self) -> str:
        """Return what a person would check it by: the ICCID as printed on the card, and the device."""
        device = f" in device {quoted(self.device, 40)}" if self.device else ""
        return f"SIM {self.iccid or f'id {self.sim_id}'}{device}"

    @property
    def short_identity(self) -> str:
        """Return the ICCID and the device, for a list of many."""
        return f"{self.iccid or f'id {self.sim_id}'}{f' {quoted(self.device, 40)}' if self.device else ''}"

    @property
    def effect(self) -> str:
        """Return what happens to it as two sentences: from what to what, and what that means."""
        step = f"{self.before} → {self.after}" if self.verdict == "change" else self.before
        return f"{step}. {self.reason[:1].upper()}{self.reason[1:]}."

    @property
    def line(self) -> str:
        """Return it and its change in one line."""
        return f"{self.identity}: {self.effect}"
