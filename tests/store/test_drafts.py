"""Does a draft become a version only with four eyes, without findings, and without overwriting anybody?"""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from rulesets import clock, drafts, versions
from rulesets.audit import Actor
from rulesets.clock import DAY, SECOND
from rulesets.database import Database
from rulesets.drafts import Busy, Changed, Conflicting, Found, NoSuchDraft, NoSuchRuleset, OwnWork, Work, WrongState
from rulesets.models import AuditEntry, Draft, Version
from rulesets.timeline import PROPAGATION
from rulesets.versions import NoSuchVersion, NotScheduled, Stale
from tests.store.bank import ADA, ANNA, EDDA, EMIL, early_of, edited, filled, published, submitted, with_early


def refused(code: str, error: Any) -> None:
    assert error.value.code == code


# --- editing --------------------------------------------------------------------------------------------------------------


def test_a_draft_begins_as_the_version_in_force_and_keeps_what_is_typed(database: Database) -> None:
    draft = edited(filled(database), 2018)
    assert (draft.ruleset, draft.state, draft.base, draft.revision) == ("typed", "draft", 1, 2)
    assert early_of(drafts.work_of(draft).document) == '< date("2018-01-01")'
    with database.writing() as session:
        wrong = drafts.save(session, EDDA, draft.id, 2, Work({"ruleset": "typed", "tables": "?"}, {}))
    assert drafts.work_of(wrong).document["tables"] == "?"


def test_nobody_overwrites_anybody(database: Database) -> None:
    draft = edited(filled(database), 2018)
    with database.writing() as session:
        drafts.save(session, EMIL, draft.id, draft.revision, with_early(drafts.work_of(draft), 2017))
    with pytest.raises(Changed), database.writing() as session:
        drafts.save(session, EDDA, draft.id, draft.revision, with_early(drafts.work_of(draft), 2016))
    with database.reading() as session:
        assert early_of(drafts.work_of(drafts.find(session, draft.id)).document) == '< date("2017-01-01")'


def test_what_is_not_there_is_told(database: Database) -> None:
    filled(database)
    with database.writing() as session:
        with pytest.raises(NoSuchRuleset) as ruleset:
            drafts.open_draft(session, EDDA, "nowhere", "?")
        with pytest.raises(NoSuchVersion) as version:
            drafts.open_draft(session, EDDA, "typed", "?", number=9)
        with pytest.raises(NoSuchDraft) as draft:
            drafts.save(session, EDDA, "nothing", 1, Work({}, {}))
    refused("E621", ruleset)
    refused("E657", version)
    refused("E656", draft)


@pytest.mark.parametrize("act", [drafts.discard, drafts.take_back])
def test_a_draft_that_is_done_with_cannot_be_changed(database: Database, act: Callable[..., Draft]) -> None:
    draft = edited(filled(database), 2018)
    with database.writing() as session:
        draft = drafts.discard(session, EDDA, draft.id, draft.revision)
    with pytest.raises(WrongState) as error, database.writing() as session:
        act(session, EDDA, draft.id, draft.revision)
    refused("E653", error)


# --- submitting -----------------------------------------------------------------------------------------------------------


def test_what_does_not_compile_is_not_submitted_and_every_finding_has_its_place(database: Database) -> None:
    draft = edited(filled(database), 2018)
    work = drafts.work_of(draft)
    document = copy.deepcopy(work.document)
    document["tables"][0]["rows"][0]["when"] = ["< 5"]
    document["formulas"][0]["expression"] = "remrk"
    with database.writing() as session:
        draft = drafts.save(session, EDDA, draft.id, draft.revision, Work(document, work.cases))
    with pytest.raises(Found) as error:
        drafts.submit(database, EDDA, draft.id, draft.revision, "改", None)
    places = {(finding.location.document, finding.location.pointer) for finding in error.value.findings}
    assert len(places) == 2
    assert {document for document, _ in places} == {"typed"}


def test_what_fails_its_cases_is_not_submitted(database: Database) -> None:
    draft = edited(filled(database), 2018)
    cases = {"ruleset": "typed", "cases": [{"name": "老客户", "given": {"opened": "2019-05-01"}, "expect": {"standing": "old"}}]}
    with database.writing() as session:
        draft = drafts.save(session, EDDA, draft.id, draft.revision, Work(drafts.work_of(draft).document, cases))
    with pytest.raises(Found) as error:
        drafts.submit(database, EDDA, draft.id, draft.revision, "改", None)
    assert [finding.code for finding in error.value.findings] == ["E308"]


def test_what_breaks_another_ruleset_is_not_submitted(database: Database) -> None:
    """The vocabulary loses a field that a ruleset needs."""
    with filled(database).writing() as session:
        draft = drafts.open_draft(session, EDDA, "vocabulary", "去掉备注")
        work = drafts.work_of(draft)
        fields = {name: field for name, field in work.document["fields"].items() if name != "remark"}
        draft = drafts.save(session, EDDA, draft.id, draft.revision, Work({**work.document, "fields": fields}, work.cases))
    with pytest.raises(Found) as error:
        drafts.submit(database, EDDA, draft.id, draft.revision, "改", None)
    assert {finding.location.document for finding in error.value.findings} == {"typed"}


def test_a_document_of_another_ruleset_is_not_submitted(database: Database) -> None:
    draft = edited(filled(database), 2018)
    work = drafts.work_of(draft)
    with database.writing() as session:
        draft = drafts.save(session, EDDA, draft.id, draft.revision, Work({**work.document, "ruleset": "failing"}, work.cases))
    with pytest.raises(Found) as error:
        drafts.submit(database, EDDA, draft.id, draft.revision, "改", None)
    assert [finding.code for finding in error.value.findings] == ["E104"]


# --- deciding -------------------------------------------------------------------------------------------------------------


def test_an_approved_draft_is_a_version_and_binds_when_everybody_can_know_of_it(database: Database) -> None:
    version = published(filled(database), 2018)
    assert (version.number, version.author, version.approver, version.reason) == (2, "edda", "anna", "监管口径调整")
    assert version.effective_from == version.published_at + PROPAGATION
    with database.reading() as session:
        assert early_of(versions.content(session, version.sha256)) == '< @"2018-01-01"'
        draft = drafts.find(session, version.draft or "")
        assert (draft.state, draft.version, draft.decided_by) == ("approved", 2, "anna")


Decide = Callable[[Database, Actor, Draft], object]


def _approve(database: Database, actor: Actor, draft: Draft) -> None:
    drafts.approve(database, actor, draft.id, draft.revision, "")


def _reject(database: Database, actor: Actor, draft: Draft) -> None:
    with database.writing() as session:
        drafts.reject(session, actor, draft.id, draft.revision, "不行")


@pytest.mark.parametrize("actor", [EDDA, EMIL, ADA], ids=["author", "contributor", "who only rebased"])
@pytest.mark.parametrize("decide", [_approve, _reject])
def test_whoever_had_a_hand_in_a_draft_decides_nothing_about_it(database: Database, actor: Actor, decide: Decide) -> None:
    draft = edited(filled(database), 2018)
    with database.writing() as session:
        draft = drafts.save(session, EMIL, draft.id, draft.revision, drafts.work_of(draft))
        drafts.save(session, ADA, draft.id, draft.revision, drafts.work_of(draft))
    draft = drafts.submit(database, EDDA, draft.id, draft.revision, "改", None)
    with pytest.raises(OwnWork) as error:
        decide(database, actor, draft)
    refused("E650", error)
    with database.reading() as session:
        assert drafts.find(session, draft.id).state == "submitted"


def test_the_store_itself_refuses_a_version_whose_author_approved_it(database: Database) -> None:
    with filled(database).writing() as session:
        first = session.scalars(sa.select(Version)).first()
        assert first
        values = {column.name: getattr(first, column.name) for column in Version.__table__.columns if column.name != "id"}
        with pytest.raises(DatabaseError):
            session.execute(sa.insert(Version).values(**{**values, "number": 9, "author": "edda", "approver": "edda"}))
        session.rollback()


def test_a_command_or_system_approves_nothing(database: Database) -> None:
    draft = submitted(filled(database), 2018)
    for actor in (Actor("system:crm"), Actor("command:cron"), Actor("service")):
        with pytest.raises(OwnWork):
            drafts.approve(database, actor, draft.id, draft.revision, "")


def test_a_rejected_draft_is_worked_on_and_submitted_again(database: Database) -> None:
    draft = submitted(filled(database), 2018)
    with database.writing() as session:
        draft = drafts.reject(session, ANNA, draft.id, draft.revision, "依据不足")
        assert (draft.state, draft.comment, draft.decided_by) == ("rejected", "依据不足", "anna")
        draft = drafts.save(session, EDDA, draft.id, draft.revision, with_early(drafts.work_of(draft), 2017))
        assert draft.state == "draft"
    draft = drafts.submit(database, EDDA, draft.id, draft.revision, "补充依据", None)
    assert drafts.approve(database, ANNA, draft.id, draft.revision, "")[1].number == 2


def test_a_draft_on_an_older_version_must_be_rebased(database: Database) -> None:
    late = edited(filled(database), 2015, actor=EMIL)
    published(database, 2018)
    with pytest.raises(Stale) as error:
        drafts.submit(database, EMIL, late.id, late.revision, "改", None)
    refused("E654", error)
    with pytest.raises(Conflicting) as conflict, database.writing() as session:
        drafts.rebase(session, EMIL, late.id, late.revision, {})
    (cell,) = conflict.value.conflicts
    assert cell.kind == "cell"
    with database.writing() as session:
        rebased = drafts.rebase(session, EMIL, late.id, late.revision, {cell.path: cell.theirs})
    assert (rebased.base, early_of(drafts.work_of(rebased).document)) == (2, '< @"2018-01-01"')


def test_different_cells_are_merged_without_asking(database: Database) -> None:
    with filled(database).writing() as session:
        late = drafts.open_draft(session, EMIL, "typed", "标题")
        work = drafts.work_of(late)
        late = drafts.save(session, EMIL, late.id, late.revision, Work({**work.document, "title": {"zh": "字段", "en": "fields"}}, work.cases))
    published(database, 2018)
    with database.writing() as session:
        rebased = drafts.rebase(session, EMIL, late.id, late.revision, {})
    document = drafts.work_of(rebased).document
    assert (document["title"]["zh"], early_of(document)) == ("字段", '< @"2018-01-01"')


# --- time -----------------------------------------------------------------------------------------------------------------


def test_a_scheduled_version_can_be_withdrawn_and_one_in_force_cannot(database: Database) -> None:
    tomorrow = (clock.now() + DAY) // SECOND * SECOND
    version = published(filled(database), 2018, effective_from=tomorrow)
    assert version.effective_from == tomorrow
    with database.writing() as session:
        withdrawn = versions.withdraw(session, "typed", 2, ANNA, "时机不成熟")
    assert withdrawn.withdrawn_at
    for number in (1, 2):
        with pytest.raises(NotScheduled), database.writing() as session:
            versions.withdraw(session, "typed", number, ANNA, "再撤")


def test_an_edit_that_a_scheduled_version_would_undo_is_warned_of_and_carried_forward(database: Database) -> None:
    tomorrow = (clock.now() + DAY) // SECOND * SECOND
    filled(database)
    with database.writing() as session:
        titled = drafts.open_draft(session, EDDA, "typed", "改标题")
        work = drafts.work_of(titled)
        titled = drafts.save(session, EDDA, titled.id, titled.revision, Work({**work.document, "title": {"zh": "新", "en": "new"}}, work.cases))
    titled = drafts.submit(database, EDDA, titled.id, titled.revision, "改标题", tomorrow)
    drafts.approve(database, ANNA, titled.id, titled.revision, "")
    today = submitted(database, 2018, actor=EMIL)
    with database.reading() as session:
        assert [entry.number for entry in drafts.undone_by(session, today, None)] == [2]
    drafts.approve(database, ANNA, today.id, today.revision, "")
    with database.writing() as session:
        carried = drafts.carry_forward(session, EMIL, drafts.find(session, today.id), 2)
    document = drafts.work_of(carried).document
    assert (carried.base, carried.effective_from, document["title"]["zh"], early_of(document)) == (2, tomorrow, "新", '< date("2018-01-01")')
    carried = drafts.submit(database, EMIL, carried.id, carried.revision, "同步到后续版本", carried.effective_from)
    assert drafts.approve(database, ANNA, carried.id, carried.revision, "")[1].effective_from == tomorrow


def test_a_scheduled_version_can_be_built_on(database: Database) -> None:
    tomorrow = (clock.now() + DAY) // SECOND * SECOND
    published(filled(database), 2018, effective_from=tomorrow)
    with database.writing() as session:
        draft = drafts.open_draft(session, EMIL, "typed", "再改", number=2)
        assert (draft.base, draft.effective_from) == (2, tomorrow)
        draft = drafts.save(session, EMIL, draft.id, draft.revision, with_early(drafts.work_of(draft), 2017))
        assert not drafts.is_stale(session, draft)
    draft = drafts.submit(database, EMIL, draft.id, draft.revision, "再改", tomorrow)
    assert drafts.approve(database, ANNA, draft.id, draft.revision, "")[1].based_on == 2


def test_a_roll_back_is_submitted_and_approved_by_somebody_else(database: Database) -> None:
    published(filled(database), 2018, effective_from=None)
    wait_until_in_force(database, 2)
    draft = drafts.roll_back(database, ANNA, "typed", 1, "发布有误", None)
    assert (draft.state, draft.reason) == ("submitted", "发布有误")
    with pytest.raises(OwnWork):
        drafts.approve(database, ANNA, draft.id, draft.revision, "")
    version = drafts.approve(database, ADA, draft.id, draft.revision, "")[1]
    with database.reading() as session:
        first = session.scalars(sa.select(Version).where(Version.ruleset == "typed", Version.number == 1)).one()
        assert (version.number, version.sha256) == (3, first.sha256)


def wait_until_in_force(database: Database, number: int) -> None:
    with database.reading() as session:
        version = session.scalars(sa.select(Version).where(Version.ruleset == "typed", Version.number == number)).one()
    threading.Event().wait(max(0, (version.effective_from - clock.now()) / SECOND))


# --- races ----------------------------------------------------------------------------------------------------------------


def test_of_two_racing_publishers_exactly_one_wins(database: Database) -> None:
    rivals = [submitted(filled(database), year, actor=actor) for year, actor in ((2016, EDDA), (2017, EMIL))]
    results: list[object] = []
    start = threading.Barrier(2)

    def approve(draft: Draft) -> None:
        start.wait()
        try:
            results.append(drafts.approve(database, ANNA, draft.id, draft.revision, "")[1].number)
        except (Stale, Busy) as error:
            results.append(type(error))

    threads = [threading.Thread(target=approve, args=(draft,)) for draft in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["2", str(Stale)]


def test_of_two_racing_processes_exactly_one_wins(database: Database, store_url: str) -> None:
    rivals = [submitted(filled(database), year, actor=actor) for year, actor in ((2016, EDDA), (2017, EMIL))]
    command = [sys.executable, "-m", "tests.store.approve", store_url]
    processes = [subprocess.Popen([*command, draft.id, str(draft.revision)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for draft in rivals]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sorted(process.communicate(timeout=60)[0].strip() for process in processes) == ["Stale", "version 2"]


def test_one_draft_is_published_once_however_often_it_is_approved_at_once(database: Database) -> None:
    draft = submitted(filled(database), 2016)
    results: list[object] = []

    def approve(actor: Actor) -> None:
        try:
            results.append(drafts.approve(database, actor, draft.id, draft.revision, "")[1].number)
        except Changed as error:
            results.append(error.code)

    threads = [threading.Thread(target=approve, args=(actor,)) for actor in (ANNA, ADA, ANNA)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["2", "E652", "E652"]


# --- audit ----------------------------------------------------------------------------------------------------------------


def test_every_step_is_in_the_audit_log_with_who_and_why(database: Database) -> None:
    published(filled(database), 2018)
    with database.reading() as session:
        entries = list(session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number)))
    steps = [(entry.action, entry.actor, entry.reason) for entry in entries if "command:install" not in entry.actor]
    assert steps == [
        ("draft.opened", "user:edda", "年份"),
        ("draft.saved", "user:edda", ""),
        ("draft.submitted", "user:edda", "监管口径调整"),
        ("version.published", "user:anna", "监管口径调整"),
        ("draft.approved", "user:anna", "同意"),
    ]
    saved, publication = entries[-4], entries[-2]
    assert saved.before
    assert saved.after
    assert saved.before != saved.after
    assert publication.origin == "10.0.0.1"
