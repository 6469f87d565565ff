"""Money as emnify bills it: exact, and in whatever currencies an account has."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal


class Money(Mapping[str, Decimal]):
    """Map the code of each currency to an amount; no operation ever adds one currency to another.

    An unknown currency has the code "". Money without any amount stands for a cost that is not known. Immutable.
    """

    __slots__ = ("_amounts",)

    def __init__(self, amounts: Mapping[str, Decimal] | None = None) -> None:
        self._amounts = dict(sorted((amounts or {}).items()))

    @classmethod
    def of(cls, amount: Decimal | None, currency: str | None) -> "Money":
        """Return an amount in one currency, or no money where the amount is not known."""
        return cls() if amount is None else cls({currency or "": amount})

    @classmethod
    def total(cls, parts: Iterable["Money"]) -> "Money":
        """Return the sum of each currency."""
        sums: dict[str, Decimal] = {}
        for part in parts:
            for currency, amount in part.items():
                sums[currency] = sums.get(currency, Decimal()) + amount
        return cls(sums)

    @property
    def largest(self) -> Decimal:
        """Return the largest amount as a bare number, whatever its currency; 0 where nothing is known."""
        return max(self._amounts.values(), default=Decimal())

    def __getitem__(self, currency: str) -> Decimal:
        return self._amounts[currency]

    def __iter__(self) -> Iterator[str]:
        return iter(self._amounts)

    def __len__(self) -> int:
        return len(self._amounts)

    def __mul__(self, count: int) -> "Money":
        return Money({currency: amount * count for currency, amount in self.items()})

    def __hash__(self) -> int:
        return hash(tuple(self._amounts.items()))

    def __repr__(self) -> str:
        return f"Money({self._amounts!r})"
