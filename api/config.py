"""How is the service configured? By environment variables, read once and validated before anything starts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.engine import URL

from rulesets import clock
from rulesets.catalog import NO_VOCABULARY, SHIPPED, has_vocabulary
from rulesets.log.sealing import MasterKeys
from rulesets.people import OIDC
from rulesets.settings import ConfigurationError, database_from, flag, master_keys_from

MIB: Final = 1024 * 1024
LEVELS: Final = ("INFO", "WARNING", "ERROR")
HOME: Final = ZoneInfo("Asia/Shanghai")
_BYTES: Final = re.compile(r"[0-9]{1,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """``documents`` fill an empty store. ``keeps_decisions`` False answers decisions without keeping them."""

    database: URL
    master_keys: MasterKeys
    documents: Path = SHIPPED
    max_body: int = MIB
    zone: ZoneInfo = HOME
    keeps_decisions: bool = True
    behind_proxy: bool = False
    log_level: str = "INFO"
    oidc: OIDC | None = None
    demo: bool = False


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read ``DATABASE_URL`` and the ``ZHUNSHENG_…`` variables (``docs/operations.md`` lists them); raises ``ConfigurationError``."""
    folder = environment.get("ZHUNSHENG_DOCUMENTS")
    return Settings(
        database=database_from(environment),
        master_keys=master_keys_from(environment),
        documents=_folder(folder) if folder else SHIPPED,
        max_body=_bytes(environment.get("ZHUNSHENG_MAX_BODY", str(MIB))),
        zone=_zone(environment.get("ZHUNSHENG_TIME_ZONE", HOME.key)),
        keeps_decisions=not flag(environment, "ZHUNSHENG_FORGET_DECISIONS"),
        behind_proxy=flag(environment, "ZHUNSHENG_BEHIND_PROXY"),
        log_level=_level(environment.get("ZHUNSHENG_LOG_LEVEL", "INFO")),
        oidc=_oidc(environment),
        demo=flag(environment, "ZHUNSHENG_DEMO"),
    )


def _oidc(environment: Mapping[str, str]) -> OIDC | None:
    names = ("ZHUNSHENG_OIDC_ISSUER", "ZHUNSHENG_OIDC_CLIENT_ID", "ZHUNSHENG_OIDC_CLIENT_SECRET")
    values = [environment.get(name, "") for name in names]
    if not any(values):
        return None
    if missing := [name for name, value in zip(names, values, strict=True) if not value]:
        raise ConfigurationError(f"{missing[0]}: 单点登录需要 {'、'.join(names)} / single sign-on needs all of {', '.join(names)}")
    return OIDC(*values)


def _level(text: str) -> str:
    if text not in LEVELS:
        raise ConfigurationError(f"ZHUNSHENG_LOG_LEVEL: 应为其中之一 / should be one of: {', '.join(LEVELS)}")
    return text


def _zone(text: str) -> ZoneInfo:
    try:
        return clock.zone(text)
    except ValueError:
        raise ConfigurationError(f"ZHUNSHENG_TIME_ZONE: 没有这个时区，例如 Asia/Shanghai / no such time zone: {text[:60]}") from None


def _folder(text: str) -> Path:
    folder = Path(text)
    if not has_vocabulary(folder):
        raise ConfigurationError(f"ZHUNSHENG_DOCUMENTS: {NO_VOCABULARY.format(folder=text)}")
    return folder


def _bytes(text: str) -> int:
    if not _BYTES.fullmatch(text) or not 1024 <= int(text) <= 64 * MIB:
        raise ConfigurationError("ZHUNSHENG_MAX_BODY: 应为 1024 到 67108864 的整数（字节） / a whole number of bytes from 1024 to 67108864")
    return int(text)


__all__ = ["ConfigurationError", "Settings", "settings_from"]
