"""Can whoever keeps the service back it up, put it back, take the log away, and renew keys at the command line?"""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from rulesets.cli import COMMANDS, main
from rulesets.database import Database
from rulesets.log.sealing import MasterKeys, Sealer, new_master_key
from rulesets.models import DataKey
from rulesets.settings import ConfigurationError, database_from
from tests.store.bank import filled


def run(url: str, *arguments: str, **settings: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"DATABASE_URL": url, **settings})


def test_every_command_says_what_it_does_in_both_languages() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for name in COMMANDS:
        said = CliRunner().invoke(main, [name, "--help"]).output
        assert name in listed
        assert " / " in said or name == "audit", said
    assert CliRunner().invoke(main, ["nothing"]).exit_code == 2


def test_the_log_is_exported_and_verified_by_itself(database: Database, store_url: str, tmp_path: Path) -> None:
    filled(database)
    file = tmp_path / "audit.jsonl"
    exported = run(store_url, "audit", "export", str(file))
    assert exported.exit_code == 0, exported.output
    noted = exported.output.split()[-1]
    verified = CliRunner().invoke(main, ["audit", "verify", str(file), "--entry", noted])
    assert verified.exit_code == 0, verified.output
    file.write_bytes(file.read_bytes().replace("首次安装".encode(), "再次安装".encode(), 1))
    assert CliRunner().invoke(main, ["audit", "verify", str(file)]).exit_code == 1
    assert CliRunner().invoke(main, ["audit", "verify", str(tmp_path / "nothing")]).exit_code == 2
    again = run(store_url, "audit", "export", str(file))
    assert (again.exit_code, again.output) == (1, f"{file}: File exists\n")


def test_a_copy_is_put_back(tmp_path: Path) -> None:
    url, other = f"sqlite:///{tmp_path}/store.db", f"sqlite:///{tmp_path}/other.db"
    filled(Database(url)).close()
    copy = tmp_path / "copy.db"
    assert "sha256:" in run(url, "backup", str(copy)).output
    assert run(other, "restore", str(copy)).exit_code == 0
    refused = run(other, "restore", str(copy))
    assert refused.exit_code == 1
    assert "--replace" in refused.output
    assert run(other, "restore", str(copy), "--replace").exit_code == 0


def test_master_keys_are_renewed_and_the_old_one_is_no_longer_needed(database: Database, store_url: str) -> None:
    old, new = new_master_key("k1"), new_master_key("k2")
    sealed = Sealer(database, MasterKeys.parse(old)).seal("王小明", "decision", "remark")
    done = run(store_url, "rotate-keys", ZHUNSHENG_MASTER_KEYS=f"{new},{old}")
    assert done.exit_code == 0, done.output
    assert Sealer(database, MasterKeys.parse(new)).open(sealed, "decision", "remark") == "王小明"
    with database.reading() as session:
        assert set(session.scalars(sa.select(DataKey.master))) == {"k2"}
    assert "0 data keys destroyed" in run(store_url, "destroy-keys").output, "the newest key is still sealed by"
    refused = run(store_url, "rotate-keys", ZHUNSHENG_MASTER_KEYS="")
    assert refused.exit_code == 1
    assert refused.output.startswith("ZHUNSHENG_MASTER_KEYS: ")


def test_nothing_old_is_nothing_to_move(database: Database, store_url: str, tmp_path: Path) -> None:
    filled(database)
    file = tmp_path / "old.jsonl"
    assert "nothing to move" in run(store_url, "retain", "2020-01-01", str(file)).output
    assert not file.exists()
    refused = run(store_url, "retain", "yesterday", str(file))
    assert (refused.exit_code, "2025-01-01" in refused.output) == (1, True)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="DATABASE_URL: 无法建立文件夹 / cannot make the folder"):
        database_from({"DATABASE_URL": f"sqlite:///{tmp_path}/file/deep/store.db"})
