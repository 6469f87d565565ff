"""Stateless random numbers: the same input gives the same output, in any order of calls."""

_MASK = (1 << 64) - 1


def mix(seed: int, *parts: int) -> int:
    """Return 64 uniformly distributed bits for a seed and any distinguishing numbers (SplitMix64)."""
    z = seed & _MASK
    for part in parts:
        z = (z + (part + 1) * 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z ^= z >> 31
    return z


def share(bits: int) -> float:
    """Map 64 bits to a number in [0, 1)."""
    return (bits >> 11) / (1 << 53)
