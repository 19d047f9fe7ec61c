"""What does the running service hold? Its settings, the store, the rules in force, the decision log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Request, current_app, request
from sqlalchemy.exc import OperationalError

from api.config import ConfigurationError, Settings
from api.limits import Limits
from rulesets.database import Database
from rulesets.deciding import Desk
from rulesets.install import prepare
from rulesets.keys import KeyRing
from rulesets.log.sealing import Sealer, missing_masters
from rulesets.log.writer import DecisionLog
from rulesets.release import Releases
from rulesets.trials import Trials
from rulesets.webhooks import Courier


@dataclass(frozen=True)
class Service:
    """One per process, shared by its threads. ``log`` is None where decisions are answered and forgotten."""

    settings: Settings
    database: Database
    releases: Releases
    key_ring: KeyRing
    limits: Limits
    sealer: Sealer
    log: DecisionLog | None
    desk: Desk
    trials: Trials
    courier: Courier

    def after_fork(self) -> None:
        """Begin life as a worker: nothing of the parent's connections is used; the timeline is watched, other systems are told."""
        self.database.forget()
        self.releases.watch()
        self.courier.start()

    def stop(self) -> None:
        """Write what is still to be written, and let go of the store."""
        self.releases.unwatch()
        self.courier.stop()
        if self.log:
            self.log.close()
        self.key_ring.close()
        self.database.close()


def start(settings: Settings) -> Service:
    """Prepare the store and compile what is in force.

    Raises ``DocumentError`` when the first documents do not compile, ``ConfigurationError`` when the store cannot be reached
    or was sealed by a master key that is not configured.
    """
    database = Database(settings.database)
    try:
        prepare(database, settings.documents)
    except OperationalError as error:
        raise ConfigurationError(f"DATABASE_URL: 数据库连不上 / the database cannot be reached: {str(error.orig).splitlines()[0]}") from None
    _require_masters(database, settings)
    sealer, releases = Sealer(database, settings.master_keys), Releases(database)
    log = DecisionLog(database, sealer) if settings.keeps_decisions else None
    releases.current()
    courier = Courier(database, sealer, zone=settings.zone)
    return Service(settings, database, releases, KeyRing(database), Limits(), sealer, log, Desk(releases, sealer, log), Trials(releases), courier)


def _require_masters(database: Database, settings: Settings) -> None:
    with database.reading() as session:
        if lacking := missing_masters(session, settings.master_keys):
            names = ", ".join(lacking)
            raise ConfigurationError(f"ZHUNSHENG_MASTER_KEYS: 缺少封装过数据的主密钥 {names} / the master key {names}, by which data were sealed, is missing")


def service() -> Service:
    """The service of the current app."""
    return cast(Service, current_app.extensions["zhunsheng"])


def current_request() -> Request:
    """The request being answered, itself: every look at Flask's ``request`` searches for it anew."""
    return cast(Request, request._get_current_object())  # type: ignore[attr-defined]
