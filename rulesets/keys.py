"""How is an API key made and recognised? Only its SHA-256 is ever kept."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

PREFIX: Final = "zs_"
SYSTEM: Final = "[A-Za-z0-9._-]{1,64}"
"""What a calling system may be called."""


def new_key() -> str:
    """A fresh key with 256 bits of randomness."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """SHA-256 is enough for a key that is random: there is nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()
