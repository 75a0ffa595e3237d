"""Secrets at rest open with their key, for what they were sealed for, and in no other way."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from governance.environment import env_keys
from governance.web.vault import NoKey, is_current, open_sealed, seal

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [OLD]


def test_a_secret_comes_back_and_is_never_the_same_twice() -> None:
    sealed = seal("päss", "connection 1 https://registry.example")
    assert open_sealed(sealed, "connection 1 https://registry.example") == "päss"
    assert b"p\xc3\xa4ss" not in sealed
    assert seal("päss", "connection 1 https://registry.example") != sealed


def test_it_opens_for_nothing_else_and_not_when_changed() -> None:
    sealed = seal("secret", "connection 1 https://registry.example")
    with pytest.raises(NoKey, match="does not belong"):
        open_sealed(sealed, "connection 1 https://elsewhere.example")
    for broken in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:12], b"", b"\x02" + sealed[1:]):
        with pytest.raises(NoKey):
            open_sealed(broken, "connection 1 https://registry.example")


def test_an_earlier_key_still_opens_and_a_lost_one_does_not(settings: Any) -> None:
    sealed = seal("secret", "x")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert open_sealed(sealed, "x") == "secret"
    assert not is_current(sealed)
    assert is_current(seal("secret", "x"))
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(NoKey, match="fallbacks"):
        open_sealed(sealed, "x")
    settings.ENCRYPTION_KEYS = []
    with pytest.raises(NoKey, match="set ENCRYPTION_KEY"):
        seal("secret", "x")


@pytest.mark.parametrize("word", ["short", "AAAA", "!" * 44])
def test_a_key_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("WRONG_KEY", word)
    with pytest.raises(ImproperlyConfigured, match="32 random bytes"):
        env_keys("WRONG_KEY")


def test_keys_are_read_in_both_alphabets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "-_" * 21 + "8=")
    monkeypatch.setenv("SOME_KEY_FALLBACKS", "+/" * 21 + "8=,")
    first, second = env_keys("SOME_KEY")
    assert first == second
