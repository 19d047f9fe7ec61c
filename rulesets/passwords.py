"""Which passwords are good enough, and how is one kept? As an Argon2id hash, never itself."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rulesets.refusals import Refused

SHORTEST: Final = 12
LONGEST: Final = 256
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is taken for another when it is read out."""
_hasher: Final = PasswordHasher()
"""Argon2id as RFC 9106 recommends where memory is short: 64 MiB, three passes."""
_NOBODYS: Final = "$argon2id$v=19$m=65536,t=3,p=4$emh1bnNoZW5nLW5vYm9keQ$LqaHYbRllDf9+pnPW/5GaZEexPe7VjSvrSlU9Fqut9Y"
"""What is verified for people who are not there, so that they take as long as those who are."""


def hashed(password: str) -> str:
    return _hasher.hash(canonical(password))


def matches(kept: str | None, password: str) -> bool:
    """Whether ``password`` is the one that is kept; takes as long when none is."""
    try:
        _hasher.verify(kept or _NOBODYS, canonical(password))
    except (InvalidHashError, VerificationError):
        return False
    return kept is not None


def one_time() -> str:
    """Four groups of five letters and digits, 99 random bits, made to be read out once and then changed."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def check(password: str, name: str, *, pointer: str = "/password") -> None:
    """Raise E636 unless ``password`` may protect the account ``name``."""
    plain = canonical(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        zh, en = f"应有 {SHORTEST} 到 {LONGEST} 个字符", f"it needs {SHORTEST} to {LONGEST} characters"
    elif plain.casefold().replace(name, "") == "":
        zh, en = "不能是登录名", "it must not be the name you sign in with"
    elif len(set(plain)) < 5:
        zh, en = "不同的字符太少", "it has too few different characters"
    else:
        return
    raise Refused("E636", pointer=pointer, detail_zh=zh, detail_en=en)


def canonical(password: str) -> str:
    """The same characters for the same keys, whichever input method typed them."""
    return unicodedata.normalize("NFKC", password)
