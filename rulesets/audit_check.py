"""Is an exported audit log whole and unaltered? This one file says so, with no server, no database and nothing but Python.

    python audit_check.py EXPORT [--entry NUMBER:HASH]

An export is UTF-8 text, one JSON object a line, in the canonical spelling (keys sorted, no blanks, nothing escaped that need not
be), each line ended by a line feed:

1. A ``header``: format, instants, how many lines of each kind follow, the hash of the newest audit entry. Its own ``hash`` is that
   of the rest of it after 64 zeros.
2. Every ``audit`` entry, numbered from 1. An entry's ``hash`` is the SHA-256 of the hash before it (64 zeros before the first), a
   line feed, and the canonical JSON of the entry without ``kind``, ``previous`` and ``hash``.
3. Each ``usage``, a set of versions that decided together, named by the SHA-256 of its ``versions``.
4. Each ``segment`` in the order of their opening, with its ``decision`` lines. A decision's ``hash`` is the SHA-256 of the hash
   before it, a line feed, and its ``record``; the first one of a segment follows the hash of the audit entry ``log.opened``. The
   entries ``log.anchored`` and ``log.closed`` say how many decisions there were and the hash of the last; ``log.removed`` says which
   were exported and removed since.

``--entry`` compares with what was noted of the log earlier, elsewhere: whoever can rewrite all of a log can also make its hashes anew.
The exit code is 0 when all is well, 1 when something is not, and 2 when the file cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

FORMAT = 1
NOTHING = "0" * 64
"""What the first entry of a chain follows."""

_ENTRY = {
    "number": int, "at": int, "actor": str, "origin": str, "action": str, "object": str, "reason": str,
    "before": (str, type(None)), "after": (str, type(None)), "details": dict, "previous": str, "hash": str,
}  # fmt: skip
_LINES: dict[str, Mapping[str, Any]] = {
    "header": {
        "format": int, "exported_at": int, "before": (int, type(None)), "audit": int, "head": str, "usages": int, "segments": int, "decisions": int, "hash": str,
    },
    "audit": _ENTRY,
    "usage": {"sha256": str, "versions": list},
    "segment": {"id": str, "from": int, "to": int, "head": str},
    "decision": {
        "segment": str, "position": int, "id": str, "at": int, "system": str, "reference": (str, type(None)), "usage": str,
        "record": dict, "previous": str, "hash": str,
    },
}  # fmt: skip
_IN_RECORD = ("id", "at", "system", "reference", "usage")
"""What a decision's line repeats from its record."""


class Broken(Exception):
    """The first thing that is wrong: the number of its line (from 1), and what it is."""

    def __init__(self, line: int, zh: str, en: str) -> None:
        self.line, self.zh, self.en = line, zh, en
        super().__init__(f"第 {line} 行：{zh} / line {line}: {en}")


@dataclass(frozen=True)
class Report:
    """What a sound export holds. ``unanchored`` decisions are chained, but the audit chain does not vouch for them yet."""

    entries: int
    head: str
    decisions: int
    segments: int
    removed: int
    unanchored: int


@dataclass
class _Segment:
    """What the audit chain says of a segment: its hash after so many decisions, and how many were removed."""

    anchors: dict[int, str]
    last: int = 0
    """The decisions that the newest anchor counts."""
    removed: int = 0
    closed: bool = False


@dataclass
class _Line:
    number: int
    kind: str
    data: dict[str, Any]

    def broken(self, zh: str, en: str) -> Broken:
        return Broken(self.number, zh, en)


class _Lines:
    """The lines of a file one by one, each in its canonical spelling."""

    def __init__(self, source: BinaryIO) -> None:
        self._lines = (_parsed(number, raw) for number, raw in enumerate(source, 1))
        self.number = 0
        """Of the line that was taken last."""

    def take(self, kind: str, missing: tuple[str, str]) -> _Line:
        """The next line, which must be of a kind; what is missing when it is not."""
        line = next(self._lines, None)
        if line is None:
            raise Broken(self.number + 1, f"文件到此为止，缺少{missing[0]}", f"the file ends here, {missing[1]} is missing")
        if line.kind != kind:
            raise line.broken(f"此处应为{missing[0]}（缺失或次序有误）", f"{missing[1]} is expected here (missing or reordered)")
        self.number = line.number
        return line

    def end(self) -> None:
        """Check that there is no further line."""
        line = next(self._lines, None)
        if line is not None:
            raise line.broken("多余的一行：文件头所列的内容已经结束", "a line too many: all that the header counts is there")


def linked(previous: str, data: object) -> str:
    """The hash of what follows ``previous``."""
    return _sha256(f"{previous}\n{canonical(data)}")


def canonical(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def check(source: BinaryIO, known: tuple[int, str] | None = None) -> Report:
    """Check an export from its first byte to its last, and that it has the entry (number, hash) that is ``known``. Raises ``Broken`` for the first line that is wrong."""
    lines = _Lines(source)
    header = _header(lines)
    segments = _audit(lines, header.data, known)
    usages = _usages(lines, header.data["usages"])
    decisions, unanchored = _segments(lines, header, segments, usages)
    lines.end()
    removed = sum(segment.removed for segment in segments.values())
    return Report(header.data["audit"], header.data["head"], decisions, header.data["segments"], removed, unanchored)


# --- lines ----------------------------------------------------------------------------------------------------------------


def _parsed(number: int, raw: bytes) -> _Line:
    """A line that is spelled as it must be and has the members of its kind."""
    if not raw.endswith(b"\n"):
        raise Broken(number, "这一行不完整：文件被截断", "this line is incomplete: the file was cut off")
    try:
        data = json.loads(raw, parse_float=_no_float, parse_constant=_no_float)
        same = canonical(data).encode() == raw[:-1]
    except (ValueError, RecursionError):
        raise Broken(number, "这一行不是规范写法的 JSON，已被改动", "this line is not JSON as it must be written: it was altered") from None
    if not same or not isinstance(data, dict):
        raise Broken(number, "这一行不是规范写法，已被改动", "this line is not in the canonical spelling: it was altered")
    kind = data.pop("kind", "")
    line = _Line(number, str(kind), data)
    members = _LINES.get(line.kind) if kind == line.kind else None
    if members is None or data.keys() != members.keys() or not all(_is(data[name], type_) for name, type_ in members.items()):
        raise line.broken("这一行的内容不合格式，已被改动", "this line has not the members it must have: it was altered")
    return line


def _no_float(text: str) -> Any:
    raise ValueError(text)


def _is(value: object, type_: Any) -> bool:
    return isinstance(value, type_) and not isinstance(value, bool)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _header(lines: _Lines) -> _Line:
    header = lines.take("header", ("文件头", "the header"))
    if header.data["format"] != FORMAT:
        raise header.broken(f"本程序只认识第 {FORMAT} 版格式", f"this program knows format {FORMAT} only")
    if header.data["hash"] != linked(NOTHING, {name: value for name, value in header.data.items() if name != "hash"}):
        raise header.broken("文件头与其哈希不符，已被改动", "the header does not match its hash: it was altered")
    return header


# --- the audit chain ------------------------------------------------------------------------------------------------------


def _audit(lines: _Lines, header: Mapping[str, Any], known: tuple[int, str] | None) -> dict[str, _Segment]:
    """Check every entry; what the chain says of each segment, in the order of their opening."""
    segments: dict[str, _Segment] = {}
    previous = NOTHING
    for number in range(1, header["audit"] + 1):
        entry = lines.take("audit", (f"审计第 {number} 条", f"audit entry {number}"))
        _check_entry(entry, number, previous)
        previous = entry.data["hash"]
        if known and known[0] == number and known[1] != previous:
            raise entry.broken(f"审计第 {number} 条与早先记下的哈希不符：日志被改写", f"audit entry {number} is not what was noted: the log was rewritten")
        if entry.data["action"].startswith("log."):
            _learn(entry, segments)
    if previous != header["head"]:
        raise Broken(1, "最后一条审计记录不是文件头所记的那一条", "the last audit entry is not the one that the header names")
    if known and known[0] > header["audit"]:
        raise Broken(lines.number + 1, f"缺少早先记下的审计第 {known[0]} 条", f"audit entry {known[0]}, which was noted, is missing")
    return segments


def _check_entry(entry: _Line, number: int, previous: str) -> None:
    found = entry.data["number"]
    if entry.data["hash"] != linked(entry.data["previous"], {name: value for name, value in entry.data.items() if name not in ("previous", "hash")}):
        raise entry.broken(f"审计第 {found} 条的内容与其哈希不符，已被改动", f"audit entry {found} does not match its hash: it was altered")
    if found > number:
        raise entry.broken(f"缺少审计第 {number} 条", f"audit entry {number} is missing")
    if found < number:
        raise entry.broken(f"审计第 {found} 条重复或次序有误", f"audit entry {found} is repeated or reordered")
    if entry.data["previous"] != previous:
        raise entry.broken(f"审计第 {found} 条不接前一条：其中一条已被改动", f"audit entry {found} does not follow the one before: one of them was altered")


def _learn(entry: _Line, segments: dict[str, _Segment]) -> None:
    """Take down what an entry says of a segment; it must agree with what was said before."""
    action, id_, details = entry.data["action"], entry.data["object"], entry.data["details"]
    if action == "log.opened":
        if id_ in segments:
            raise _senseless(entry)
        segments[id_] = _Segment({0: entry.data["hash"]})
    elif action in ("log.anchored", "log.closed"):
        segment, count, hash_ = _of(entry, segments), details.get("count"), details.get("hash")
        if segment.closed or not _is(count, int) or count < segment.last or segment.anchors.setdefault(count, hash_) != hash_:
            raise _senseless(entry)
        segment.last, segment.closed = count, action == "log.closed"
    elif action == "log.removed":
        segment, last = _of(entry, segments), details.get("to")
        if details.get("from") != segment.removed + 1 or not _is(last, int) or last <= segment.removed:
            raise _senseless(entry)
        if last not in segment.anchors or segment.anchors[last] != details.get("hash"):
            raise _senseless(entry)
        segment.removed = last


def _of(entry: _Line, segments: Mapping[str, _Segment]) -> _Segment:
    found = segments.get(entry.data["object"])
    if found is None:
        raise _senseless(entry)
    return found


def _senseless(entry: _Line) -> Broken:
    number = entry.data["number"]
    return entry.broken(f"审计第 {number} 条与前面关于同一日志段的记录矛盾", f"audit entry {number} contradicts what earlier ones say of the same segment")


# --- decisions ------------------------------------------------------------------------------------------------------------


def _usages(lines: _Lines, count: int) -> set[str]:
    found: set[str] = set()
    for number in range(1, count + 1):
        usage = lines.take("usage", (f"第 {number} 组版本", f"usage {number}"))
        if usage.data["sha256"] != _sha256(canonical(usage.data["versions"])):
            raise usage.broken("一组版本与其哈希不符，已被改动", "a set of versions does not match its hash: it was altered")
        if usage.data["sha256"] in found:
            raise usage.broken("这组版本已经有了：重复", "this set of versions is repeated")
        found.add(usage.data["sha256"])
    return found


def _segments(lines: _Lines, header: _Line, segments: Mapping[str, _Segment], usages: set[str]) -> tuple[int, int]:
    """Check every segment; how many decisions there are, and how many of them are not anchored."""
    partial = header.data["before"] is not None
    ids = list(segments)
    places = {id_: n for n, id_ in enumerate(ids)}
    found = unanchored = place = 0
    for _ in range(header.data["segments"]):
        line = lines.take("segment", ("下一个日志段", "the next segment"))
        here = places.get(line.data["id"], -1)
        if here < place:
            raise line.broken("日志段未经审计记录开启、重复或次序有误", "this segment was never opened, is repeated or reordered")
        if not partial and here > place:
            raise line.broken(f"缺少日志段 {ids[place]}", f"segment {ids[place]} is missing")
        place = here + 1
        segment = segments[line.data["id"]]
        _check_bounds(line, segment, partial=partial)
        _check_decisions(lines, line, segment, usages)
        found += line.data["to"] - line.data["from"] + 1
        unanchored += max(0, line.data["to"] - segment.last)
    if not partial and place < len(ids):
        raise Broken(lines.number + 1, f"缺少日志段 {ids[place]}", f"segment {ids[place]} is missing")
    if found != header.data["decisions"]:
        raise header.broken(
            f"文件头记有 {header.data['decisions']} 条决策，实有 {found} 条", f"the header counts {header.data['decisions']} decisions, there are {found}"
        )
    return found, unanchored


def _check_bounds(line: _Line, segment: _Segment, *, partial: bool) -> None:
    first, last = line.data["from"], line.data["to"]
    if first != segment.removed + 1 or last < first - 1:
        raise line.broken("日志段的起止与审计记录不符", "the segment does not start where the audit chain says")
    if partial and last not in segment.anchors:
        raise line.broken("日志段没有在审计记录锚定之处结束", "the segment does not end where the audit chain anchors it")
    if not partial and last < segment.last:
        raise line.broken(f"日志段缺少第 {last + 1} 条以后的决策", f"decisions from {last + 1} on are missing from the segment")
    if segment.closed and last > segment.last:
        raise line.broken("日志段在关闭之后还有决策", "there are decisions after the segment was closed")


def _check_decisions(lines: _Lines, line: _Line, segment: _Segment, usages: set[str]) -> None:
    """Check the decisions of a segment: each hash, each link, each anchor."""
    id_, previous = line.data["id"], segment.anchors[segment.removed]
    for position in range(line.data["from"], line.data["to"] + 1):
        decision = lines.take("decision", (f"日志段 {id_} 的第 {position} 条决策", f"decision {position} of segment {id_}"))
        _check_decision(decision, id_, position, previous)
        if decision.data["usage"] not in usages:
            raise decision.broken("缺少这条决策所用的版本", "the versions that this decision used are missing")
        previous = decision.data["hash"]
        if segment.anchors.get(position, previous) != previous:
            raise decision.broken(
                "这条决策不是审计记录所锚定的那一条：日志段被改写", "this is not the decision that the audit chain anchors: the segment was rewritten"
            )
    if previous != line.data["head"]:
        raise line.broken("日志段的最后一条决策不是所记的那一条", "the last decision of the segment is not the one that it names")


def _check_decision(decision: _Line, segment: str, position: int, previous: str) -> None:
    data, found = decision.data, decision.data["position"]
    if data["hash"] != linked(data["previous"], data["record"]) or any(data[name] != data["record"].get(name, data) for name in _IN_RECORD):
        raise decision.broken(f"决策 {data['id']} 的内容与其哈希不符，已被改动", f"decision {data['id']} does not match its hash: it was altered")
    if data["segment"] != segment:
        raise decision.broken(f"此处应为日志段 {segment} 的第 {position} 条决策", f"decision {position} of segment {segment} is expected here")
    if found > position:
        raise decision.broken(f"日志段缺少第 {position} 条决策", f"decision {position} of the segment is missing")
    if found < position:
        raise decision.broken(f"日志段的第 {found} 条决策重复或次序有误", f"decision {found} of the segment is repeated or reordered")
    if data["previous"] != previous:
        raise decision.broken(
            f"决策 {data['id']} 不接前一条：其中一条已被改动", f"decision {data['id']} does not follow the one before: one of them was altered"
        )


# --- at the command line --------------------------------------------------------------------------------------------------


def told(report: Report) -> str:
    """A sound export in a few lines, in Chinese and English."""
    return "\n".join(
        [
            f"完好：审计 {report.entries} 条，{report.segments} 个日志段，决策 {report.decisions} 条",
            f"Sound: {report.entries} audit entries, {report.segments} segments, {report.decisions} decisions",
            *[f"另有 {report.removed} 条决策已依审计记录导出并移除 / {report.removed} more were exported and removed, as the audit log says"]
            * bool(report.removed),
            *[f"其中 {report.unanchored} 条决策已成链而尚未锚定 / {report.unanchored} of them are chained and not anchored yet"] * bool(report.unanchored),
            f"记下这一行，供下次核对 / note this for the next check:  --entry {report.entries}:{report.head}",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the export that is named; what a shell is told."""
    parser = argparse.ArgumentParser(prog="audit_check", description="核对导出的审计日志 / Check an exported audit log.")
    parser.add_argument("export", type=Path, metavar="EXPORT", help="导出的文件 / the exported file")
    parser.add_argument("--entry", type=noted, metavar="NUMBER:HASH", help="早先记下的一条审计 / an entry noted earlier")
    asked = parser.parse_args(arguments)
    try:
        with asked.export.open("rb") as source:
            report = check(source, asked.entry)
    except OSError as error:
        sys.stderr.write(f"文件无法读取 / the file cannot be read: {error.strerror}\n")
        return 2
    except Broken as error:
        sys.stderr.write(f"第 {error.line} 行：{error.zh}\nline {error.line}: {error.en}\n")
        return 1
    sys.stdout.write(told(report) + "\n")
    return 0


def noted(text: str) -> tuple[int, str]:
    """``NUMBER:HASH``; raises ``ValueError``."""
    found = re.fullmatch("([1-9][0-9]{0,17}):([0-9a-f]{64})", text, re.ASCII)
    if not found:
        raise ValueError(text)
    return int(found[1]), found[2]


if __name__ == "__main__":
    sys.exit(main())
