"""What questions cost, ours against the server that FastMCP generates from an OpenAPI description of the same sandbox.

Run with `uv run python benchmarks/peer.py [--sims 300] [--quick]`. Each question is asked of a new process beside a new
sandbox with the published limits on, so nothing is remembered from the question before. Tokens (o200k) are those of the
arguments and of the text of all answers; seconds are those of the calls, without what a model thinks in between.
Nothing is extrapolated: what takes the peer hundreds of calls is called hundreds of times.
"""

import argparse
import statistics
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import anyio

from benchmarks.asking import Asker, ours, peer
from benchmarks.common import Row, listing_tokens, present, spread, times
from benchmarks.questions import QUESTIONS, Question, agree

SIMS, REPEATS = 300, 3


class Cost(NamedTuple):
    """Hold what one answer cost."""

    calls: int
    tokens: int
    seconds: float
    found: object


async def cost(question: Question, *, of_peer: bool, sims: int) -> Cost:
    """Ask one question of one of the two."""
    start: AbstractAsyncContextManager[Asker] = (peer if of_peer else ours)(sims, question.role)
    async with start as asker:
        found = await (question.peer if of_peer else question.ours)(asker)
        return Cost(asker.calls, asker.tokens, asker.seconds, found)


async def listings(sims: int) -> list[Row]:
    """Compare `tools/list`, whole and without the output schemas that not every host shows its model."""
    found = []
    for start in (ours, peer):
        async with start(sims, "enterprise") as asker:
            tools = await asker.client.list_tools()
            bare = [tool.model_copy(update={"output_schema": None}) for tool in tools.tools]
            without = tools.model_copy(update={"tools": bare})
            found.append((len(bare), listing_tokens(tools), listing_tokens(without)))
    (number, whole, spare), (peer_number, peer_whole, peer_spare) = found
    return [
        Row(
            "`tools/list`, whole",
            f"{whole:,} tokens, {number} tools",
            f"peer: {peer_whole:,} tokens, {peer_number} tools",
            f"{times(whole / peer_whole)} tokens",
        ),
        Row(
            "`tools/list`, without output schemas",
            f"{spare:,} tokens",
            f"peer: {peer_spare:,} tokens",
            f"{times(spare / peer_spare)} tokens",
        ),
    ]


async def compare(question: Question, sims: int, repeats: int) -> Row:
    """Ask one question of both, in turn, and compare."""
    pairs = []
    for _ in range(repeats):
        pair = [await cost(question, of_peer=of_peer, sims=sims) for of_peer in (False, True)]
        agree(question.text, pair[0].found, pair[1].found)
        pairs.append(pair)
    here, other = pairs[-1]
    ratios = [first.seconds / second.seconds for first, second in pairs]
    took = spread(ratios) if repeats > 1 else times(statistics.median(ratios))
    return Row(
        question.text,
        _said(here),
        f"peer: {_said(other)}",
        f"{times(here.tokens / other.tokens)} tokens, {took} time",
    )


def _said(cost: Cost) -> str:
    return f"{cost.calls:,} {'call' if cost.calls == 1 else 'calls'}, {cost.tokens:,} tokens"


async def measure(sims: int, repeats: int) -> list[Row]:
    """Measure the listings and every question."""
    return [*await listings(sims), *[await compare(question, sims, repeats) for question in QUESTIONS]]


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=SIMS)
    parser.add_argument("--quick", action="store_true", help="ask each question once")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = anyio.run(measure, options.sims, 1 if options.quick else REPEATS)
    present(f"Against a generated server, {options.sims} SIMs", rows, as_json=options.json)


if __name__ == "__main__":
    main()
