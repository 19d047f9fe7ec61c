"""Does the checker pass every sound export, and find whatever was altered, removed, repeated, moved or cut off?"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
import sqlalchemy as sa

from engine import Engine
from rulesets.audit import SERVICE, Actor, Change, enter
from rulesets.audit_check import NOTHING, Broken, canonical, linked, main
from rulesets.audit_export import export_audit, parts, write_export
from rulesets.database import Database
from rulesets.log.segments import open_segment
from tests.log.exporting import CHECKER, checked, exported, first_broken, run_checker
from tests.log.writing import FACTS, Desk, logging
from tests.store.postgres import new_sqlite


@contextmanager
def filled(database: Database, engine: Engine) -> Iterator[None]:
    """Two segments, one of them open with records that are not anchored yet, and entries of every kind between."""
    desk = Desk(database, engine)
    with database.writing() as session:
        enter(session, Actor("user:liwei", "10.1.2.3"), Change("draft.submitted", "d-1", "利率 “调整”\n\x7f\u2028e\u0301", None, "a" * 64, {"x": [None, 1]}))
    with logging(database, desk, anchor_records=2) as log:
        log.write_all([desk.record("a", FACTS | {"remark": 'q"\\\n\u2028\u0000e\u0301'}), desk.record(), desk.record("c")])
        log.write(desk.record())
    with database.writing() as session:
        enter(session, SERVICE, Change("vocabulary.published", "vocabulary"))
        open_segment(session)
    with logging(database, desk) as log:
        log.write_all([desk.record(), desk.record("e")])
        with database.writing() as session:
            enter(session, SERVICE, Change("draft.submitted", "d-2"))
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> bytes:
    database = Database(new_sqlite(tmp_path_factory.mktemp("sound") / "store.db", upgraded=True))
    with filled(database, engine):
        data = exported(database)
    database.close()
    return data


def kinds(data: bytes) -> list[str]:
    return [json.loads(line)["kind"] for line in data.splitlines()]


def lines_of(data: bytes) -> list[bytes]:
    return data.split(b"\n")[:-1]


def joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


# --- sound exports --------------------------------------------------------------------------------------------------------


def test_a_sound_export_passes_on_both_databases(database, engine):
    with filled(database, engine):
        data = exported(database)
    report = checked(data)
    assert (report.decisions, report.segments, report.unanchored, report.removed) == (6, 3, 2, 0)
    entry = [json.loads(line) for line in lines_of(data) if b'"kind":"audit"' in line][-1]
    assert (report.entries, report.head) == (entry["number"], entry["hash"])


def test_an_empty_store_has_a_sound_export(database):
    assert checked(exported(database)).entries == 0


def test_the_checker_needs_nothing_but_python(sound, tmp_path):
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(CHECKER.read_text(encoding="utf-8")))
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else [])
    }
    assert imported <= sys.stdlib_module_names
    file = tmp_path / "log.jsonl"
    file.write_bytes(sound)
    code, said, complained = run_checker(file)
    assert (code, complained) == (0, "")
    assert "2 of them are chained and not anchored yet" in said
    assert "完好" in said


def test_a_file_is_written_once_and_for_its_owner_only(database, engine, tmp_path):
    with filled(database, engine):
        pass
    done = export_audit(database, tmp_path / "log.jsonl")
    data = (tmp_path / "log.jsonl").read_bytes()
    assert hashlib.sha256(data).hexdigest() == done.sha256
    assert (done.entries, done.head, done.decisions) == (checked(data).entries, checked(data).head, 6)
    assert (tmp_path / "log.jsonl").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        export_audit(database, tmp_path / "log.jsonl")
    assert (tmp_path / "log.jsonl").read_bytes() == data


def test_an_export_sees_one_moment_while_others_write(database, engine):
    desk = Desk(database, engine)
    with logging(database, desk, anchor_records=3) as log:
        log.write(desk.record())
        with database.reading() as session:
            chosen = parts(session)
            log.write_all([desk.record() for _ in range(7)])
            with database.writing() as other:
                enter(other, SERVICE, Change("draft.submitted", "d-3"))
            out = io.BytesIO()
            write_export(session, out, chosen)
        assert checked(out.getvalue()).decisions == 1
        assert checked(exported(database)).decisions == 8


def test_what_was_noted_earlier_is_compared(sound, tmp_path):
    report = checked(sound)
    assert checked(sound, (report.entries, report.head)) == report
    file = tmp_path / "log.jsonl"
    file.write_bytes(sound)
    assert run_checker(file, "--entry", f"{report.entries}:{report.head}")[0] == 0
    code, _, complained = run_checker(file, "--entry", f"2:{'0' * 64}")
    assert code == 1
    assert "line 3: audit entry 2 is not what was noted" in complained
    assert run_checker(file, "--entry", f"{report.entries + 1}:{'0' * 64}")[0] == 1
    assert run_checker(file, "--entry", "first")[0] == 2


def test_a_log_that_was_made_anew_from_the_first_entry_is_found_by_what_was_noted(sound):
    """Whoever can write everything can also make every hash anew; only an older note tells."""
    report = checked(sound)
    lines = [json.loads(line) for line in lines_of(sound)]
    lines[1]["reason"] = "another reason"
    previous = NOTHING
    for line in lines:
        if line["kind"] == "audit" and line["number"] == 1:
            line["hash"] = linked(NOTHING, {name: value for name, value in line.items() if name not in ("kind", "previous", "hash")})
            previous = line["hash"]
    one = [lines[0] | {"audit": 1, "head": previous, "segments": 0, "decisions": 0, "usages": 0}, lines[1]]
    one[0]["hash"] = linked(NOTHING, {name: value for name, value in one[0].items() if name not in ("kind", "hash")})
    forged = joined([canonical(line).encode() for line in one])
    assert checked(forged).entries == 1
    with pytest.raises(Broken):
        checked(forged, (report.entries, report.head))


# --- the program ----------------------------------------------------------------------------------------------------------


def test_the_exit_code_tells_a_broken_log_from_an_unreadable_file(sound, tmp_path, capsys):
    file = tmp_path / "log.jsonl"
    assert main([str(file)]) == 2
    assert "文件无法读取 / the file cannot be read" in capsys.readouterr().err
    file.write_bytes(sound[:-20])
    assert main([str(file)]) == 1
    said = capsys.readouterr().err
    assert f"第 {len(lines_of(sound))} 行：" in said
    assert f"line {len(lines_of(sound))}: " in said
    file.write_bytes(b"")
    assert main([str(file)]) == 1


# --- what is found --------------------------------------------------------------------------------------------------------


def other_values(value: Any) -> list[Any]:
    """Values that could be put in place of one."""
    match value:
        case bool() | None:
            return ["x", 1]
        case int():
            return [value + 1, -value or 5, None, str(value), 10**30]
        case str():
            return [value + " ", value[:-1] + "x" if value else "x", None, 7]
        case list():
            return [[*value, "x"], []] if value else [["x"]]
        case _:
            return [{**value, "x": 1}]


def mutations(data: Any) -> Iterator[Any]:
    """Every way to change one value, leave one out, or add one, at any depth."""
    if isinstance(data, dict):
        for name in data:
            yield {key: value for key, value in data.items() if key != name}
            yield from ({**data, name: changed} for changed in mutations(data[name]))
    elif isinstance(data, list):
        for n, item in enumerate(data):
            yield from ([*data[:n], changed, *data[n + 1 :]] for changed in mutations(item))
    yield from other_values(data)


def test_every_change_of_every_field_is_found_in_its_line(sound):
    lines = lines_of(sound)
    seen: set[str] = set()
    for number, line in enumerate(lines):
        data = json.loads(line)
        shape = data["kind"] + data.get("action", "")
        if shape in seen:
            continue
        seen.add(shape)
        for changed in mutations(data):
            broken = first_broken(joined([*lines[:number], canonical(changed).encode(), *lines[number + 1 :]]))
            assert broken.line == number + 1 or data["kind"] in ("header", "segment"), (data, changed, broken)
    assert seen >= {"header", "auditlog.opened", "auditlog.anchored", "auditlog.closed", "auditdraft.submitted", "usage", "segment", "decision"}


def rehashed(line: dict[str, Any]) -> dict[str, Any]:
    """A line whose own hash fits what was made of it."""
    match line["kind"]:
        case "header":
            return line | {"hash": linked(NOTHING, {name: value for name, value in line.items() if name not in ("kind", "hash")})}
        case "audit":
            return line | {"hash": linked(line["previous"], {name: value for name, value in line.items() if name not in ("kind", "previous", "hash")})}
        case "decision":
            return (
                line
                | {"hash": linked(line["previous"], line["record"])}
                | {name: line["record"][name] for name in ("id", "at", "system", "reference", "usage")}
            )
        case "usage":
            return line | {"sha256": hashlib.sha256(canonical(line["versions"]).encode()).hexdigest()}
        case _:
            return line


CHANGES: Final[dict[str, list[dict[str, Any]]]] = {
    "header": [{"audit": 1}, {"head": "f" * 64}, {"usages": 0}, {"segments": 2}, {"decisions": 5}, {"format": 2}, {"before": 1}],
    "audit": [{"actor": "user:zhang"}, {"at": 0}, {"details": {}}, {"before": "b" * 64}, {"number": 77}, {"object": "x"}, {"previous": "c" * 64}],
    "decision": [{"record": {"id": "", "at": 0, "system": "", "reference": None, "usage": ""}}, {"previous": "c" * 64}, {"position": 9}, {"segment": "x"}],
    "usage": [{"versions": []}],
    "segment": [{"id": "x"}, {"from": 2}, {"to": 0}, {"to": 99}, {"head": "d" * 64}],
}


def test_a_change_whose_own_hash_was_made_anew_is_found_by_the_chain(sound):
    lines = lines_of(sound)
    for number, line in enumerate(lines):
        data = json.loads(line)
        for change in CHANGES[data["kind"]]:
            changed = rehashed(data | change)
            if changed == data or (number == len(lines) - 1 and data["kind"] == "decision"):
                continue
            first_broken(joined([*lines[:number], canonical(changed).encode(), *lines[number + 1 :]]))


def test_the_end_of_a_segment_that_was_written_anew_is_found_by_its_anchor(sound):
    lines = lines_of(sound)
    heads = [n for n, line in enumerate(lines) if json.loads(line)["kind"] == "segment"]
    last = heads[1] - 1
    forged = json.loads(lines[last])
    forged["record"]["outcomes"]["tier"] = "plain"
    forged = rehashed(forged)
    lines[last] = canonical(forged).encode()
    lines[heads[0]] = canonical(json.loads(lines[heads[0]]) | {"head": forged["hash"]}).encode()
    broken = first_broken(joined(lines))
    assert (broken.line, broken.en) == (last + 1, "this is not the decision that the audit chain anchors: the segment was rewritten")


def with_header(lines: list[dict[str, Any]], **changed: Any) -> bytes:
    """An export whose header says something else, with its hash made anew."""
    return joined([canonical(line).encode() for line in [rehashed(lines[0] | changed), *lines[1:]]])


def with_entries(sound: bytes, *entries: tuple[str, str, dict[str, Any]]) -> tuple[bytes, int]:
    """An export whose audit chain goes on with entries (action, object, details), and the line of the last one."""
    lines = [json.loads(line) for line in lines_of(sound)]
    last = lines[lines[0]["audit"]]
    for action, object_, details in entries:
        told = {"number": last["number"] + 1, "action": action, "object": object_, "details": details, "previous": last["hash"]}
        last = rehashed(last | told)
        lines.insert(last["number"], last)
    return with_header(lines, audit=last["number"], head=last["hash"]), last["number"] + 1


def test_an_entry_that_contradicts_earlier_ones_is_found(sound):
    lines = [json.loads(line) for line in lines_of(sound)]
    closed, _, opened = (line["id"] for line in lines if line["kind"] == "segment")
    heads = {(line["segment"], line["position"]): line["hash"] for line in lines if line["kind"] == "decision"}
    anchor = ("log.anchored", opened, {"count": 2, "hash": heads[opened, 2]})
    assert checked(with_entries(sound, anchor, anchor)[0]).unanchored == 0
    contradictions: list[list[tuple[str, str, dict[str, Any]]]] = [
        [("log.opened", closed, {})],
        [("log.opened", opened, {})],
        [("log.anchored", closed, {"count": 4, "hash": heads[closed, 4]})],
        [("log.closed", closed, {"count": 4, "hash": heads[closed, 4]})],
        [anchor, ("log.anchored", opened, {"count": 1, "hash": heads[opened, 1]})],
        [anchor, ("log.anchored", opened, {"count": 2, "hash": heads[opened, 1]})],
        [("log.anchored", opened, {"count": True, "hash": heads[opened, 1]})],
        [("log.anchored", opened, {"count": 0, "hash": heads[opened, 1]})],
        [("log.anchored", opened, {})],
        [("log.anchored", "never", {"count": 0, "hash": NOTHING})],
        [("log.removed", "never", {"from": 1, "to": 1, "hash": NOTHING})],
        [("log.removed", closed, {})],
        [("log.removed", closed, {"from": 2, "to": 4, "hash": heads[closed, 4]})],
        [("log.removed", closed, {"from": 1, "to": 2, "hash": heads[closed, 2]})],
        [("log.removed", closed, {"from": 1, "to": 4, "hash": heads[closed, 3]})],
        [("log.removed", closed, {"from": 1, "to": 0, "hash": NOTHING})],
        [("log.removed", closed, {"from": 1, "to": True, "hash": NOTHING})],
        [("log.removed", closed, {"from": 1, "to": 9})],
    ]
    for entries in contradictions:
        data, line = with_entries(sound, *entries)
        broken = first_broken(data)
        assert broken.line == line, (entries, broken)
        assert "contradicts" in broken.en, entries


def test_an_anchor_for_decisions_that_are_not_there_is_found(sound):
    opened = json.loads(lines_of(sound)[-3])["id"]
    broken = first_broken(with_entries(sound, ("log.anchored", opened, {"count": 3, "hash": "f" * 64}))[0])
    assert broken.en == "decisions from 3 on are missing from the segment"


def test_a_decision_after_the_closing_of_its_segment_is_found(sound):
    lines = [json.loads(line) for line in lines_of(sound)]
    places = [n for n, line in enumerate(lines) if line["kind"] == "segment"]
    last = lines[places[1] - 1]
    added = rehashed(last | {"position": last["position"] + 1, "previous": last["hash"]})
    lines[places[0]] |= {"to": added["position"], "head": added["hash"]}
    lines.insert(places[1], added)
    broken = first_broken(with_header(lines, decisions=lines[0]["decisions"] + 1))
    assert (broken.line, broken.en) == (places[0] + 1, "there are decisions after the segment was closed")


def test_a_segment_that_was_left_out_is_found_by_its_opening(sound):
    lines = [json.loads(line) for line in lines_of(sound)]
    broken = first_broken(with_header(lines[:-3], segments=2, decisions=4))
    assert broken.en == f"segment {lines[-3]['id']} is missing"
    assert broken.line == len(lines) - 2


def test_versions_that_are_there_twice_are_found(sound):
    lines = [json.loads(line) for line in lines_of(sound)]
    place = next(n for n, line in enumerate(lines) if line["kind"] == "usage")
    lines.insert(place, lines[place])
    broken = first_broken(with_header(lines, usages=2))
    assert (broken.line, broken.en) == (place + 2, "this set of versions is repeated")


def test_every_line_that_is_removed_is_found(sound):
    lines = lines_of(sound)
    for number in range(len(lines)):
        broken = first_broken(joined(lines[:number] + lines[number + 1 :]))
        assert broken.line == number + 1, broken


def test_every_line_that_is_repeated_is_found(sound):
    lines = lines_of(sound)
    for number in range(len(lines)):
        broken = first_broken(joined([*lines[: number + 1], *lines[number:]]))
        assert broken.line == number + 2, broken
        if json.loads(lines[number])["kind"] == "audit" and json.loads(lines[number + 1])["kind"] == "audit":
            assert broken.en == f"audit entry {number} is repeated or reordered"


def test_any_two_lines_that_change_places_are_found(sound):
    lines = lines_of(sound)
    for first in range(len(lines)):
        for second in range(first + 1, len(lines)):
            swapped = lines.copy()
            swapped[first], swapped[second] = lines[second], lines[first]
            broken = first_broken(joined(swapped))
            assert broken.line == first + 1, broken


def test_a_file_that_was_cut_off_anywhere_is_found(sound):
    for end in {*range(0, len(sound), 97), *range(len(sound) - 50, len(sound))}:
        broken = first_broken(sound[:end])
        if not sound[:end].endswith(b"\n") and end:
            assert broken.en == "this line is incomplete: the file was cut off"
    lines = lines_of(sound)
    for end in range(len(lines)):
        assert first_broken(joined(lines[:end])).line == end + 1


def test_what_is_added_at_the_end_is_found(sound):
    for more in (b"\n", b" ", b"{}\n", lines_of(sound)[-1] + b"\n", b"\x00"):
        assert first_broken(sound + more).line == len(lines_of(sound)) + 1


def test_any_byte_that_is_altered_is_found(sound, soak):
    """In the line that it is in, wherever that can be said: not in what the header and the lines of segments repeat."""
    chosen = range(len(sound)) if soak else random.Random(1).sample(range(len(sound)), 2_000)
    for place in chosen:
        data = bytearray(sound)
        for flipped in {1, 2, 8, 32, 128} if soak else {1 << place % 8}:
            data[place] = sound[place] ^ flipped
            broken = first_broken(bytes(data))
            line = sound.count(b"\n", 0, place) + 1
            assert broken.line in (line, line + 1), (place, flipped, broken)


def test_another_spelling_of_the_same_content_is_found(sound):
    lines = lines_of(sound)
    data = json.loads(lines[1])
    for spelled in (
        json.dumps(data),
        json.dumps(dict(reversed(data.items())), ensure_ascii=False, separators=(",", ":")),
        canonical(data).replace('"kind":"audit"', '"kind":"audit","kind":"audit"'),
        canonical(data).replace('"number":1', '"number":1.0'),
        canonical(data).replace('"number":1', '"number":1e0'),
        canonical(data) + "\r",
        "\ufeff" + canonical(data),
        "[" * 100_000,
        '{"kind":"audit","number":NaN}',
        '{"kind":["audit"]}',
        "[]",
    ):
        assert first_broken(joined([lines[0], spelled.encode(), *lines[2:]])).line == 2


def test_both_languages_name_what_is_wrong(sound):
    lines = lines_of(sound)
    missing = first_broken(joined(lines[:2] + lines[3:]))
    assert (missing.zh, missing.en) == ("缺少审计第 2 条", "audit entry 2 is missing")
    decisions = [number for number, line in enumerate(lines) if b'"kind":"decision"' in line]
    altered = lines[decisions[1]].replace(b'"gold"', b'"bold"')
    id_ = json.loads(altered)["id"]
    broken = first_broken(joined([*lines[: decisions[1]], altered, *lines[decisions[1] + 1 :]]))
    assert (broken.line, broken.en) == (decisions[1] + 1, f"decision {id_} does not match its hash: it was altered")
    assert str(broken) == f"第 {broken.line} 行：{broken.zh} / line {broken.line}: {broken.en}"


# --- what is altered in the store -----------------------------------------------------------------------------------------

TAMPERING = [
    "UPDATE decisions SET at = at + 1 WHERE position = 1",
    "UPDATE decisions SET system = 'x' WHERE position = 1",
    "UPDATE decisions SET reference = 'x' WHERE reference = 'a'",
    "UPDATE decisions SET record_json = replace(record_json, 'gold', 'bold') WHERE position = 3",
    "UPDATE decisions SET record_json = replace(record_json, ':', ': ') WHERE position = 3",
    "UPDATE decisions SET hash = previous WHERE position = 2",
    "UPDATE decisions SET position = 7 WHERE position = 4",
    "DELETE FROM decisions WHERE position = 2",
    "DELETE FROM decisions WHERE position = 4",
    "DELETE FROM decisions WHERE position < 3",
    "UPDATE segments SET removed_before = 2",
    "UPDATE audit SET reason = 'x' WHERE number = 1",
    "UPDATE audit SET at = at - 1 WHERE number = 2",
    "UPDATE audit SET details_json = '{}' WHERE action = 'log.anchored'",
    "DELETE FROM audit WHERE number = 3",
    "UPDATE usages SET versions_json = '[]'",
]


@pytest.mark.parametrize("statement", TAMPERING)
def test_whoever_gets_past_the_triggers_of_the_store_is_found(database, engine, statement):
    with filled(database, engine):
        pass
    checked(exported(database))
    with database.writing() as session:
        if database.is_sqlite:
            for name in session.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                session.execute(sa.text(f"DROP TRIGGER {name}"))
            session.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        else:
            session.execute(sa.text("SET session_replication_role = replica"))
        session.execute(sa.text(statement))
        if not database.is_sqlite:
            session.execute(sa.text("RESET session_replication_role"))
    first_broken(exported(database))


def test_the_store_refuses_to_change_a_decision(database, engine):
    with filled(database, engine):
        pass
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), database.writing() as session:
        session.execute(sa.text("UPDATE decisions SET system = 'x'"))
