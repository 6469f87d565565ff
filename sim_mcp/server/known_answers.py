"""Say in an answer that it is from what is known, to stay within emnify's rate limits: in both of its forms."""

from datetime import timedelta

from mcp.types import CallToolResult, InputRequiredResult, TextContent

from sim_mcp.emnify import KnownAnswers
from sim_mcp.formatting import format_timestamp


def say_how_old(
    answer: CallToolResult | InputRequiredResult, known: KnownAnswers
) -> CallToolResult | InputRequiredResult:
    """Return the answer, which says as of when it is and when it can be fresh again, where it is not new."""
    if isinstance(answer, InputRequiredResult) or known.as_of is None or known.fresh_at is None:
        return answer
    # Asked a little too early, it would be the same again.
    fresh_at = known.fresh_at + timedelta(seconds=60 - known.fresh_at.second)
    note = TextContent(
        text=f"As of {known.as_of:%H:%M} UTC, to stay within emnify's rate limits; fresh again at {fresh_at:%H:%M} UTC."
    )
    structured = answer.structured_content
    if structured is not None:
        structured = {
            **structured,
            "known_as_of": format_timestamp(known.as_of),
            "fresh_again_at": format_timestamp(fresh_at.replace(second=0, microsecond=0)),
        }
    return answer.model_copy(update={"content": [note, *answer.content], "structured_content": structured})
