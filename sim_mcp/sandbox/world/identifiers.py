"""Identifiers of cards and devices: ICCID, EID, IMSI, MSISDN, IMEI, and their check digits."""

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_digit(digits: str) -> int:
    """Return the check digit that follows these digits (ITU-T E.118, Luhn)."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        total += _DOUBLED[int(digit)] if at % 2 == 0 else int(digit)
    return -total % 10


def iccid(number: int) -> str:
    """Return the 19 digits of an emnify card; number has up to 12 digits."""
    return f"8988303{number:012d}"


def eid(number: int) -> str:
    """Return the 32 digits of an eUICC, the last two being its check digits (GSMA SGP.29)."""
    body = int(f"890330230000{number:018d}") * 100
    return str(body + 98 - body % 97)


def imeisv(number: int) -> str:
    """Return the 16 digits of a device: type, serial number, software version."""
    return f"35672011{number % 1_000_000:06d}{number % 97:02d}"


def imei_with_luhn(imei: str) -> str:
    """Return the 15 digits printed on a device."""
    return imei[:14] + str(luhn_digit(imei[:14]))


def ip_address(number: int) -> str:
    """Return the private address of a device."""
    host = 10 << 24 | 128 << 16
    value = host + number % (1 << 23)
    return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"
