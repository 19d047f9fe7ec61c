"""Where is the store, and by which keys are sensitive values sealed? What every command and the service must know."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL

from rulesets.database import Database, read_url
from rulesets.log.sealing import MasterKeys

ROOT: Final = Path(__file__).resolve().parents[1]


class ConfigurationError(Exception):
    """A setting is missing or wrong; the text names it and says how to mend it, in Chinese and English."""


def database_from(environment: Mapping[str, str] = os.environ) -> URL:
    """``DATABASE_URL``, by default a SQLite file of this checkout (another one for the demo)."""
    name = "demo" if flag(environment, "ZHUNSHENG_DEMO") else "zhunsheng"
    try:
        url = read_url(environment.get("DATABASE_URL") or f"sqlite:///{ROOT / 'var' / name}.db")
    except ValueError:
        raise ConfigurationError(
            "DATABASE_URL: 应为 postgresql://用户:口令@主机/库 或 sqlite:////文件路径 / should be postgresql://user:password@host/database or sqlite:////path/to/file"
        ) from None
    if url.get_backend_name() == "sqlite" and url.database:
        _make_folder(Path(url.database).absolute().parent)
    return url


@contextmanager
def configured_database() -> Iterator[Database]:
    """The configured store, for a command; its connections are closed afterwards."""
    database = Database(database_from())
    try:
        yield database
    finally:
        database.close()


def master_keys_from(environment: Mapping[str, str] = os.environ) -> MasterKeys:
    """``ZHUNSHENG_MASTER_KEYS``: without one nothing sensitive can be kept."""
    text = environment.get("ZHUNSHENG_MASTER_KEYS", "")
    if not text:
        raise ConfigurationError(
            "ZHUNSHENG_MASTER_KEYS: 没有主密钥，请运行 `zhunsheng master-key` 生成并妥善保管 / no master key: make one with `zhunsheng master-key` and keep it safe"
        )
    try:
        return MasterKeys.parse(text)
    except ValueError as error:
        raise ConfigurationError(f"ZHUNSHENG_MASTER_KEYS: {error}") from None


def flag(environment: Mapping[str, str], name: str) -> bool:
    """A setting that is 1 or 0."""
    text = environment.get(name, "")
    if text not in ("", "0", "1"):
        raise ConfigurationError(f"{name}: 应为 1 或 0 / should be 1 or 0")
    return text == "1"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"DATABASE_URL: 无法建立文件夹 / cannot make the folder {folder}: {error.strerror}") from None
