"""How is the service configured? By environment variables, read once and validated before anything starts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rulesets.catalog import NO_VOCABULARY, has_vocabulary
from rulesets.keys import SYSTEM

MIB: Final = 1024 * 1024
_BYTES: Final = re.compile(r"[0-9]{1,8}", re.ASCII)
_KEY: Final = re.compile(rf"({SYSTEM}):([0-9a-f]{{64}})", re.ASCII)


class ConfigurationError(Exception):
    """A setting is missing or wrong; the text names it and says how to mend it, in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``keys`` maps the SHA-256 of an API key to the name of the system that holds it."""

    keys: Mapping[str, str]
    documents: Path | None = None
    max_body: int = MIB
    demo: bool = False


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read ``ZHUNSHENG_API_KEYS``, ``ZHUNSHENG_DOCUMENTS``, ``ZHUNSHENG_MAX_BODY``, ``ZHUNSHENG_DEMO``; raises ``ConfigurationError``."""
    folder = environment.get("ZHUNSHENG_DOCUMENTS")
    return Settings(
        keys=_keys(environment.get("ZHUNSHENG_API_KEYS", "")),
        documents=_folder(folder) if folder else None,
        max_body=_bytes(environment.get("ZHUNSHENG_MAX_BODY", str(MIB))),
        demo=environment.get("ZHUNSHENG_DEMO", "") == "1",
    )


def _keys(text: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = _KEY.fullmatch(entry)
        if not match:
            raise ConfigurationError("ZHUNSHENG_API_KEYS: 每项应为 名称:SHA-256（64 位十六进制） / each entry is NAME:SHA-256 (64 hex digits)")
        keys[match[2]] = match[1]
    if not keys:
        raise ConfigurationError("ZHUNSHENG_API_KEYS: 没有 API 密钥，请运行 `zhunsheng key 系统名` 生成 / no API key: create one with `zhunsheng key SYSTEM`")
    return keys


def _folder(text: str) -> Path:
    folder = Path(text)
    if not has_vocabulary(folder):
        raise ConfigurationError(f"ZHUNSHENG_DOCUMENTS: {NO_VOCABULARY.format(folder=text)}")
    return folder


def _bytes(text: str) -> int:
    if not _BYTES.fullmatch(text) or not 1024 <= int(text) <= 64 * MIB:
        raise ConfigurationError("ZHUNSHENG_MAX_BODY: 应为 1024 到 67108864 的整数（字节） / a whole number of bytes from 1024 to 67108864")
    return int(text)
