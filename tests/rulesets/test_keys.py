"""Are keys long, random, recognisable, and known only by their hash?"""

from __future__ import annotations

import hashlib
import re

from rulesets.keys import PREFIX, hash_key, new_key


def test_a_key_has_a_recognisable_beginning_and_256_random_bits() -> None:
    assert PREFIX == "zs_"
    assert re.fullmatch(r"zs_[A-Za-z0-9_-]{43}", new_key())


def test_no_two_keys_are_alike() -> None:
    assert len({new_key() for _ in range(1_000)}) == 1_000


def test_the_hash_is_the_sha_256_of_the_utf_8_text() -> None:
    assert hash_key("zs_abc") == hashlib.sha256(b"zs_abc").hexdigest()
    assert hash_key("钥匙") == hashlib.sha256("钥匙".encode()).hexdigest()


def test_a_key_that_differs_in_one_character_has_another_hash() -> None:
    key = new_key()
    assert hash_key(key) != hash_key(key[:-1] + ("a" if key[-1] != "a" else "b"))
    assert hash_key(key) != hash_key(key + " ")
