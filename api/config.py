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
from rulesets.database import read_url
from rulesets.log.sealing import MasterKeys
from rulesets.people import OIDC

MIB: Final = 1024 * 1024
ROOT: Final = Path(__file__).resolve().parents[1]
HOME: Final = ZoneInfo("Asia/Shanghai")
_BYTES: Final = re.compile(r"[0-9]{1,8}", re.ASCII)


class ConfigurationError(Exception):
    """A setting is missing or wrong; the text names it and says how to mend it, in Chinese and English."""


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
    oidc: OIDC | None = None
    demo: bool = False


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read ``DATABASE_URL`` and the ``ZHUNSHENG_…`` variables (``docs/operations.md`` lists them); raises ``ConfigurationError``."""
    demo = _flag(environment, "ZHUNSHENG_DEMO")
    folder = environment.get("ZHUNSHENG_DOCUMENTS")
    return Settings(
        database=_database(environment.get("DATABASE_URL") or _embedded("demo" if demo else "zhunsheng")),
        master_keys=_master_keys(environment),
        documents=_folder(folder) if folder else SHIPPED,
        max_body=_bytes(environment.get("ZHUNSHENG_MAX_BODY", str(MIB))),
        zone=_zone(environment.get("ZHUNSHENG_TIME_ZONE", HOME.key)),
        keeps_decisions=not _flag(environment, "ZHUNSHENG_FORGET_DECISIONS"),
        behind_proxy=_flag(environment, "ZHUNSHENG_BEHIND_PROXY"),
        oidc=_oidc(environment),
        demo=demo,
    )


def database_from(environment: Mapping[str, str] = os.environ) -> URL:
    """The store alone, for commands that need nothing else; raises ``ConfigurationError``."""
    return _database(environment.get("DATABASE_URL") or _embedded("demo" if _flag(environment, "ZHUNSHENG_DEMO") else "zhunsheng"))


def _embedded(name: str) -> str:
    return f"sqlite:///{ROOT / 'var' / name}.db"


def _database(text: str) -> URL:
    try:
        url = read_url(text)
    except ValueError:
        raise ConfigurationError(
            "DATABASE_URL: 应为 postgresql://用户:口令@主机/库 或 sqlite:////文件路径 / should be postgresql://user:password@host/database or sqlite:////path/to/file"
        ) from None
    if url.get_backend_name() == "sqlite" and url.database:
        _make_folder(Path(url.database).absolute().parent)
    return url


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"DATABASE_URL: 无法建立文件夹 / cannot make the folder {folder}: {error.strerror}") from None


def _master_keys(environment: Mapping[str, str]) -> MasterKeys:
    text = environment.get("ZHUNSHENG_MASTER_KEYS", "")
    if not text:
        raise ConfigurationError(
            "ZHUNSHENG_MASTER_KEYS: 没有主密钥，请运行 `zhunsheng master-key` 生成并妥善保管 / no master key: make one with `zhunsheng master-key` and keep it safe"
        )
    try:
        return MasterKeys.parse(text)
    except ValueError as error:
        raise ConfigurationError(f"ZHUNSHENG_MASTER_KEYS: {' / '.join(map(str, error.args))}") from None


def _oidc(environment: Mapping[str, str]) -> OIDC | None:
    names = ("ZHUNSHENG_OIDC_ISSUER", "ZHUNSHENG_OIDC_CLIENT_ID", "ZHUNSHENG_OIDC_CLIENT_SECRET")
    values = [environment.get(name, "") for name in names]
    if not any(values):
        return None
    if missing := [name for name, value in zip(names, values, strict=True) if not value]:
        raise ConfigurationError(f"{missing[0]}: 单点登录需要 {'、'.join(names)} / single sign-on needs all of {', '.join(names)}")
    return OIDC(*values)


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "")
    if text not in ("", "0", "1"):
        raise ConfigurationError(f"{name}: 应为 1 或 0 / should be 1 or 0")
    return text == "1"


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
