"""Say at the beginning of an answer where it is from, where that does not go without saying."""

from mcp.types import CallToolResult, InputRequiredResult, TextContent

from sim_mcp.tools.context import Here, workspace_here

PARAMETER = "workspace"
"""What tools take, and answers have, to tell which workspace is meant, where somebody has several."""


def marked(
    result: CallToolResult | InputRequiredResult, place: str, *, reads: bool
) -> CallToolResult | InputRequiredResult:
    """Return an answer that begins with its workspace, where who asks has several, and its place unless that is emnify.

    Args:
        result: the answer.
        place: where the SIMs are, if the server has one workspace alone.
        reads: whether it answers a question; a change says in its own words that SIMs are made up.
    """
    here = workspace_here()
    several = here is not None and here.is_one_of_several
    words = [here.name] if here is not None and several else []
    place = place if here is None else here.state.settings.place
    if reads and place != "emnify":
        words.append(place)
    if not words or not isinstance(result, CallToolResult) or not isinstance(first := result.content[0], TextContent):
        return result
    content = [TextContent(text=f"[{', '.join(words)}] {first.text}"), *result.content[1:]]
    structured = result.structured_content
    if structured is not None and here is not None and several:
        structured = {PARAMETER: here.name, **structured}
    return result.model_copy(update={"content": content, "structured_content": structured})


def marked_error(here: Here, text: str) -> str:
    """Return an error with the workspace it is about, where there are several; calls in it name that too."""
    if not here.is_one_of_several:
        return text
    told = text.replace('continue_change(plan="', f'continue_change({PARAMETER}="{here.name}", plan="')
    return f"[{here.name}] {told}"
