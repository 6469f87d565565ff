"""What is sealed opens with its key, for what it was sealed for, and in no other way."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_mcp.sealing import KeyRing, Sealed, SealError

ONE, TWO = (f"{name}:{b64encode(name.encode().ljust(32, b'.')).decode()}" for name in ("one", "two"))
ABOUT = ("own token", "field", "https://issuer.example", "alice")


@given(st.text())
def test_a_secret_comes_back_as_it_was(secret: str) -> None:
    ring = KeyRing.parse(ONE)
    assert ring.open(ring.seal(secret, ABOUT), ABOUT) == secret


def test_each_sealing_is_another_and_shows_nothing() -> None:
    ring = KeyRing.parse(ONE)
    first, second = (ring.seal("the very secret", ABOUT) for _ in range(2))
    assert first.body != second.body
    assert b64decode(first.body)[:12] != b64decode(second.body)[:12]
    assert b"secret" not in b64decode(first.body)


@pytest.mark.parametrize("place", range(len(ABOUT)))
def test_what_was_sealed_for_one_does_not_open_for_another(place: int) -> None:
    ring, other = KeyRing.parse(ONE), list(ABOUT)
    sealed = ring.seal("a secret", ABOUT)
    other[place] += "x"
    with pytest.raises(SealError, match="sealed for somebody else"):
        ring.open(sealed, tuple(other))
    # What is told apart by where one part ends is told apart.
    with pytest.raises(SealError):
        ring.open(sealed, ("own token", "field", "https://issuer.example alice", ""))


@pytest.mark.parametrize("body", ["", "AAAA", "not base64!", b64encode(bytes(40)).decode()])
def test_what_was_changed_does_not_open(body: str) -> None:
    with pytest.raises(SealError, match="was changed"):
        KeyRing.parse(ONE).open(Sealed("one", body), ABOUT)


def test_the_first_key_seals_and_all_of_them_open() -> None:
    old = KeyRing.parse(ONE).seal("a secret", ABOUT)
    both = KeyRing.parse(f"{TWO}, {ONE}")
    assert both.open(old, ABOUT) == "a secret"
    assert both.seal("a secret", ABOUT).key == "two"
    with pytest.raises(SealError, match="sealed with the key 'one', which this server does not have"):
        KeyRing.parse(TWO).open(old, ABOUT)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no key"),
        ("no-colon", "key 1 is not ID:KEY"),
        (f"{ONE} b@d:x", "key 2 is not ID:KEY"),
        ("short:c2hvcnQ=", "the key short is not 32 bytes in base64"),
        ("odd:%%%", "the key odd is not 32 bytes in base64"),
        (f"{ONE}\n{ONE}", "two keys are called one"),
    ],
)
def test_what_is_no_key_is_told_and_not_repeated(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as refused:
        KeyRing.parse(text)
    assert ONE.partition(":")[2] not in str(refused.value)
    assert repr(KeyRing.parse(ONE)) == "KeyRing(one)"
