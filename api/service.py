"""What does the running service hold? Its settings, the store, the rules in force, the decision log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Request, current_app, request

from api.config import Settings
from api.limits import Limits
from rulesets.database import Database
from rulesets.deciding import Desk
from rulesets.install import prepare
from rulesets.keys import KeyRing
from rulesets.log.sealing import Sealer
from rulesets.log.writer import DecisionLog
from rulesets.release import Releases
from rulesets.trials import Trials


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

    def after_fork(self) -> None:
        """Begin life as a worker: nothing of the parent's connections is used, and the timeline is watched."""
        self.database.forget()
        self.releases.watch()

    def stop(self) -> None:
        """Write what is still to be written, and let go of the store."""
        self.releases.unwatch()
        if self.log:
            self.log.close()
        self.key_ring.close()
        self.database.close()


def start(settings: Settings) -> Service:
    """Prepare the store and compile what is in force; raises ``DocumentError`` when the first documents do not compile."""
    database = Database(settings.database)
    prepare(database, settings.documents)
    sealer, releases = Sealer(database, settings.master_keys), Releases(database)
    log = DecisionLog(database, sealer) if settings.keeps_decisions else None
    releases.current()
    return Service(settings, database, releases, KeyRing(database), Limits(), sealer, log, Desk(releases, sealer, log), Trials(releases))


def service() -> Service:
    """The service of the current app."""
    return cast(Service, current_app.extensions["zhunsheng"])


def current_request() -> Request:
    """The request being answered, itself: every look at Flask's ``request`` searches for it anew."""
    return cast(Request, request._get_current_object())  # type: ignore[attr-defined]
