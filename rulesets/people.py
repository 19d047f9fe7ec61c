"""Who works with the rules, and what may each of them do? Users, their departments and the roles they are granted."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rulesets import audit, clock, passwords
from rulesets.models import Department, Grant, Head, SignIn, User
from rulesets.refusals import Refused
from rulesets.views import cut

NAME: Final = "[a-z0-9][a-z0-9._@-]{0,63}"
"""What somebody may sign in as."""
DEPARTMENT: Final = "[a-z0-9][a-z0-9-]{0,63}"
Role = Literal["viewer", "editor", "approver", "compliance", "administrator"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
FIRST: Final = "admin"
"""The name of a new installation's first administrator."""


class PeopleExist(Exception):
    """The first person has been made already."""


@dataclass(frozen=True, slots=True)
class OIDC:
    """The provider that signs people in, and as whom we ask it."""

    issuer: str
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Granted:
    """A role: for everything, or for the rulesets of one department, or for one ruleset."""

    role: Role
    department: str | None = None
    ruleset: str | None = None

    @property
    def is_global(self) -> bool:
        return self.department is None and self.ruleset is None


# --- departments -----------------------------------------------------------------------------------------------------------


def departments(session: Session) -> list[Department]:
    return list(session.scalars(sa.select(Department).order_by(Department.id)))


def create_department(session: Session, actor: audit.Actor, *, id: str, zh: str, en: str) -> Department:  # noqa: A002
    """A new department; raises E638 when its id or Chinese name is taken."""
    made = Department(id=id, zh=zh, en=en)
    _add(session, made, Refused("E638", found=id))
    audit.enter(session, actor, audit.Change("department.created", f"department:{id}", details={"zh": zh, "en": en}))
    return made


# --- users -----------------------------------------------------------------------------------------------------------------


def users(session: Session) -> list[User]:
    return list(session.scalars(sa.select(User).order_by(User.name)))


def user(session: Session, name: str) -> User:
    """Raises E631."""
    found = session.get(User, name) if is_name(name) else None
    if found is None:
        raise Refused("E631", found=cut(name))
    return found


def is_name(text: str) -> bool:
    """Whether somebody could be called so."""
    return re.fullmatch(NAME, text, re.ASCII) is not None


def grants(session: Session, name: str) -> tuple[Granted, ...]:
    """What somebody may do, in the order of roles."""
    return _granted(session.scalars(sa.select(Grant).where(Grant.user == name)))


def grants_of_all(session: Session) -> dict[str, tuple[Granted, ...]]:
    """User → what they may do; users that may do nothing are missing."""
    found: dict[str, list[Grant]] = {}
    for kept in session.scalars(sa.select(Grant)):
        found.setdefault(kept.user, []).append(kept)
    return {name: _granted(kept) for name, kept in found.items()}


def create(
    session: Session, actor: audit.Actor, *, name: str, display: str, department: str | None = None, single_sign_on: bool = False
) -> tuple[User, str | None]:
    """A new user who may do nothing yet, and the one-time password; who signs in elsewhere has none. Raises E630, E632."""
    _must_exist(session, department, "/department")
    password = None if single_sign_on else passwords.one_time()
    made = User(
        name=name,
        display=display,
        department=department,
        password=None if password is None else passwords.hashed(password),
        must_change=password is not None,
        active=True,
        revision=1,
        failures=0,
        created_at=clock.now(),
    )
    _add(session, made, Refused("E630", pointer="/name", found=name))
    details = {"display": display, "department": department, "single_sign_on": single_sign_on}
    audit.enter(session, actor, audit.Change("user.created", f"user:{name}", details=details))
    return made, password


def change(session: Session, actor: audit.Actor, name: str, *, revision: int, values: Mapping[str, Any], reason: str = "") -> User:
    """Set ``display``, ``department`` or ``active``. Who is no longer active is signed out at once.

    Raises E631, E632, E652 when ``revision`` is not the present one, E635 when nobody would be left to administer.
    """
    changed, administered = _locked(session, name, revision), _administered(session)
    values = {key: value for key, value in values.items() if getattr(changed, key) != value}
    if not values:
        return changed
    _must_exist(session, values.get("department"), "/department")
    before = {key: getattr(changed, key) for key in values}
    for key, value in values.items():
        setattr(changed, key, value)
    if values.get("active") is False:
        end_sign_ins(session, name)
    _settle(session, changed, administered=administered)
    audit.enter(session, actor, audit.Change(_verb(values), f"user:{name}", reason, details={"before": before, "after": values}))
    return changed


def grant(session: Session, actor: audit.Actor, name: str, *, revision: int, granted: Collection[Granted], reason: str = "") -> User:
    """Let somebody do exactly what is ``granted``. Raises E631, E632, E633, E634 for oneself, E635, E652."""
    if actor.user == name:
        raise Refused("E634")
    changed, administered = _locked(session, name, revision), _administered(session)
    _must_make_sense(session, list(granted))
    before, after = grants(session, name), tuple(sorted(set(granted), key=_place))
    if before == after:
        return changed
    session.execute(sa.delete(Grant).where(Grant.user == name))
    session.add_all(Grant(id=str(uuid.uuid4()), user=name, **asdict(new)) for new in after)
    _settle(session, changed, administered=administered)
    details = {"before": [asdict(one) for one in before], "after": [asdict(one) for one in after]}
    audit.enter(session, actor, audit.Change("user.granted", f"user:{name}", reason, details=details))
    return changed


def set_one_time_password(session: Session, actor: audit.Actor, name: str) -> str:
    """A password that must be changed at once; also lifts a lock-out, and signs the user out. Raises E631, E634 for oneself."""
    if actor.user == name:
        raise Refused("E634")
    changed = _locked(session, name)
    password = passwords.one_time()
    changed.password, changed.must_change = passwords.hashed(password), True
    changed.failures, changed.locked_until = 0, None
    changed.revision += 1
    end_sign_ins(session, name)
    audit.enter(session, actor, audit.Change("user.password_set", f"user:{name}"))
    return password


def end_sign_ins(session: Session, name: str, *, but: str = "") -> None:
    """Sign a user out everywhere, ``but`` for the sign-in with this hash."""
    session.execute(sa.delete(SignIn).where(SignIn.user == name, SignIn.cookie_sha256 != but))


def recognise(session: Session, *, subject: str, preferred: str, origin: str) -> User | None:
    """The active user whom a provider knows as ``subject``, locked.

    One who was made without a password and is called ``preferred`` is bound to the subject at the first sign-in.
    """
    known = session.scalar(sa.select(User).where(User.subject == subject).with_for_update())
    if known is not None:
        return known if known.active else None
    name = preferred.casefold()
    waiting = session.get(User, name, with_for_update=True) if is_name(name) else None
    if waiting is None or waiting.password is not None or waiting.subject is not None or not waiting.active:
        return None
    waiting.subject = subject
    waiting.revision += 1
    audit.enter(session, audit.Actor("service", origin), audit.Change("user.bound", f"user:{waiting.name}", details={"subject": subject}))
    return waiting


# --- the first people ------------------------------------------------------------------------------------------------------


def create_first_administrator(session: Session) -> str:
    """The one-time password of ``FIRST``, who administers everything. Raises ``PeopleExist``."""
    actor = audit.Actor("command:first-administrator")
    audit.enter(session, actor, audit.Change("people.begun", f"user:{FIRST}"))  # one at a time
    if session.scalar(sa.select(sa.func.count()).select_from(User)):
        raise PeopleExist
    made, password = create(session, actor, name=FIRST, display="管理员 / Administrator")
    assert password is not None
    grant(session, actor, FIRST, revision=made.revision, granted=[Granted("administrator")])
    return password


def create_demo_people(session: Session, rulesets_by_department: Mapping[str, Collection[str]]) -> list[tuple[str, str, str]]:
    """(name, password, what they may do) of a person for every role, and of an editor in two departments; for the demo only."""
    actor = audit.Actor("command:demo")
    found = []
    everywhere = [(f"demo-{role}", None, Granted(role)) for role in ROLES]
    busiest = sorted(rulesets_by_department, key=lambda department: (-len(rulesets_by_department[department]), department))[:2]
    local = [(f"demo-editor-{number}", department, Granted("editor", department)) for number, department in enumerate(busiest, 1)]
    for name, department, granted in everywhere + local:
        found.append((name, _demo_person(session, actor, name, department, granted), f"{granted.role} · {department or '*'}"))
    return found


def _demo_person(session: Session, actor: audit.Actor, name: str, department: str | None, granted: Granted) -> str:
    """Make the person, or give the one of an earlier run a new password; it need not be changed."""
    kept = session.get(User, name)
    if kept is None:
        kept, password = create(session, actor, name=name, display=name, department=department)
        grant(session, actor, name, revision=kept.revision, granted=[granted])
    else:
        password = set_one_time_password(session, actor, name)
    kept.must_change = False
    assert password is not None
    return password


# --- what must always hold -------------------------------------------------------------------------------------------------


def _locked(session: Session, name: str, revision: int | None = None) -> User:
    """The user, who with all global administrators stands still until the transaction ends. Raises E631, E652."""
    if not is_name(name):
        raise Refused("E631", found=cut(name))
    administrators = sa.select(Grant.user).where(*_GLOBAL)
    rows = sa.select(User).where(sa.or_(User.name == name, User.name.in_(administrators))).order_by(User.name)
    found = {kept.name: kept for kept in session.scalars(rows.with_for_update().execution_options(populate_existing=True))}
    if name not in found:
        raise Refused("E631", found=name)
    if revision is not None and found[name].revision != revision:
        raise Refused("E652")
    return found[name]


def _settle(session: Session, changed: User, *, administered: bool) -> None:
    """Count the change; raises E635 when it leaves no active user who administers everything."""
    changed.revision += 1
    session.flush()
    if administered and not _administered(session):
        raise Refused("E635")


def _administered(session: Session) -> bool:
    administrators = sa.select(User.name).join(Grant, Grant.user == User.name).where(User.active, *_GLOBAL)
    return session.scalar(administrators.limit(1)) is not None


def _add(session: Session, made: Department | User, taken: Refused) -> None:
    session.add(made)
    try:
        session.flush()
    except IntegrityError:
        raise taken from None


def _must_exist(session: Session, department: str | None, pointer: str) -> None:
    if department is not None and session.get(Department, department) is None:
        raise Refused("E632", pointer=pointer, found=department)


def _must_make_sense(session: Session, granted: Sequence[Granted]) -> None:
    for number, one in enumerate(granted):
        _must_exist(session, one.department, f"/grants/{number}/department")
        if one.ruleset is not None and session.get(Head, one.ruleset) is None:
            raise Refused("E633", pointer=f"/grants/{number}/ruleset", found=one.ruleset)


def _verb(values: Mapping[str, Any]) -> str:
    match values.get("active"):
        case None:
            return "user.changed"
        case active:
            return "user.activated" if active else "user.deactivated"


def _granted(kept: Iterable[Grant]) -> tuple[Granted, ...]:
    return tuple(sorted((Granted(_role(one.role), one.department, one.ruleset) for one in kept), key=_place))


def _role(text: str) -> Role:
    return next(role for role in ROLES if role == text)


def _place(granted: Granted) -> tuple[int, str, str]:
    return ROLES.index(granted.role), granted.department or "", granted.ruleset or ""


_GLOBAL: Final = (Grant.role == "administrator", Grant.department.is_(None), Grant.ruleset.is_(None))
