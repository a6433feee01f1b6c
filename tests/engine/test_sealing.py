"""Sealed facts: ciphertext bound to its row, keys beside the database, new keys (PII-4)."""

import os
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, update

from config import HOME
from hallpanel.engine import audit, records, rekeying, sealing
from hallpanel.engine.clock import utc_now
from hallpanel.engine.errors import SettingError
from hallpanel.engine.records import at_desk, open_session
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.sealing import Cipher, Place, Unreadable
from tests.visit_entity import declared

PLACE = Place("caller", "identity", "a" * 32)
CANARY = "330106199001011234"
FACTS = {"name": "王小明", "identity": CANARY, "address": "杭州市西湖区金丝雀路1号"}


@pytest.fixture
def ring(tmp_path):
    found = sealing.use(tmp_path / "data-keys")
    yield found
    sealing._Here.ring = None


@pytest.fixture
def callers(engine, ring):
    with declared() as (caller, _dossier):
        caller.__table__.create(engine)
        yield caller


def make(session, entity, code, **changed):
    with at_desk(session, SYSTEM, utc_now()):
        values = {**FACTS, "code": code, "clerk_id": clerk(session), **changed}
        made = records.create(session, entity, values, actor=SYSTEM, at=utc_now())
        session.commit()
        return made.id


def clerk(session):
    """The one clerk there is."""
    from hallpanel.engine.entity import REGISTRY

    staff, unit = REGISTRY["staff"], REGISTRY["unit"]
    found = session.scalar(select(staff.id))
    if found is None:
        at = utc_now()
        values = {"code": "A", "name": "甲", "department": "乙", "business": "丙"}
        home = records.create(session, unit, values, actor=SYSTEM, at=at)
        values = {"number": "1", "name": "李", "unit": home, "joined_on": at.date()}
        found = records.create(session, staff, values, actor=SYSTEM, at=at).id
    return found


@contextmanager
def desk(engine):
    with open_session(engine) as session, at_desk(session, SYSTEM, utc_now()):
        yield session


# the box


@pytest.mark.parametrize("cipher", Cipher)
def test_a_value_is_stored_with_its_key_and_algorithm_and_opens_again_pii_4(ring, cipher):
    ring.cipher = cipher
    stored = ring.seal(PLACE, "王小明")
    assert stored.split(".")[:3] == ["v1", "k1", cipher.value]
    assert len(stored.split(".")) == 5
    assert ring.open(PLACE, stored) == "王小明"
    assert ring.seal(PLACE, "王小明") != stored


@pytest.mark.parametrize("cipher", Cipher)
def test_a_value_opens_nowhere_but_in_its_place_and_unaltered_pii_4(ring, cipher):
    ring.cipher = cipher
    stored = ring.seal(PLACE, CANARY)
    for place in (
        Place("caller", "identity", "b" * 32),
        Place("caller", "telephone", "a" * 32),
        Place("dossier", "identity", "a" * 32),
    ):
        with pytest.raises(Unreadable):
            ring.open(place, stored)
    altered = [stored[:n] + ("A" if stored[n] != "A" else "B") + stored[n + 1 :] for n in range(3)]
    altered += [stored[:-6] + "A" * 6, stored.replace("k1", "k9"), "v1.k1", "", "x" * 90]
    for text in altered:
        with pytest.raises(Unreadable):
            ring.open(PLACE, text)


def test_the_keys_are_made_once_and_are_their_owner_s_only_pii_4(tmp_path):
    path = tmp_path / "data-keys"
    first = sealing.use(path)
    stored = first.seal(PLACE, CANARY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sealing.use(path).open(PLACE, stored) == CANARY
    first.add()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["data-keys"]


@pytest.mark.parametrize("text", ["", "{}", '{"keys": [], "index": ""}', "keys", '{"keys": 3}'])
def test_a_file_without_keys_stops_the_start_and_is_not_replaced_pii_4(tmp_path, text):
    path = tmp_path / "data-keys"
    path.write_text(text)
    with pytest.raises(SettingError, match="no usable data keys"):
        sealing.use(path)
    assert path.read_text() == text


def test_the_newest_key_writes_and_every_process_learns_of_it_pii_4(ring):
    old = ring.seal(PLACE, CANARY)
    other = sealing.KeyRing(ring.path)
    assert other.newest == "k1"
    assert ring.add() == "k2"
    new = ring.seal(PLACE, CANARY)
    assert new.startswith("v1.k2.")
    assert [other.open(PLACE, stored) for stored in (old, new)] == [CANARY, CANARY]
    assert other.seal(PLACE, CANARY).startswith("v1.k2.")


def test_equal_values_have_one_keyed_word_in_their_column_pii_4(ring, tmp_path):
    word = ring.index_of("caller", "identity", CANARY)
    assert word == ring.index_of("caller", "identity", f" {CANARY[:6]} {CANARY[6:]}")
    assert word != ring.index_of("caller", "telephone", CANARY)
    other = sealing.use(tmp_path / "other-keys")
    assert word != other.index_of("caller", "identity", CANARY)


# the records


def test_a_sealed_fact_is_nowhere_in_the_database_pii_4(callers, engine, session, tmp_path):
    for number in range(20):
        make(session, callers, f"C{number}")
    one = session.connection().scalar(select(callers.__table__.c.id))
    with at_desk(session, SYSTEM, utc_now()):
        record = records.find(session, callers, one)
        assert record.identity.plain == CANARY
        records.change(session, record, {"identity": CANARY[::-1]}, actor=SYSTEM, at=utc_now())
        session.commit()
    rows = session.connection().execute(select(callers.__table__)).all()
    rows += session.connection().execute(select(audit.AuditEvent.__table__)).all()
    told = str(rows)
    assert CANARY not in told
    assert CANARY[::-1] not in told
    assert "金丝雀路" not in told
    session.rollback()
    if engine.dialect.name == "sqlite":
        assert [path for path, content in files(engine) if CANARY.encode() in content] == []


def files(engine):
    """The database's files, with the log of what was written last."""
    path = Path(engine.url.database)
    return [(one, one.read_bytes()) for one in path.parent.glob(f"{path.name}*")]


def test_swapped_ciphertexts_of_two_rows_are_refused_pii_4(callers, engine, session):
    one, other = make(session, callers, "C1"), make(session, callers, "C2", identity=CANARY[::-1])
    table = callers.__table__
    found = session.connection().execute(select(table.c.id, table.c.identity_sealed)).all()
    stored = {row.id: row.identity_sealed for row in found}
    session.commit()
    with engine.begin() as beside:
        for key, value in ((one, stored[other]), (other, stored[one])):
            beside.execute(update(table).where(table.c.id == key).values(identity_sealed=value))
    session.expire_all()
    with at_desk(session, SYSTEM, utc_now()):
        for key in (one, other):
            with pytest.raises(Unreadable):
                _ = records.find(session, callers, key).identity


WRITER = """
import sys, time
from pathlib import Path
from sqlalchemy import select
from hallpanel import load_rulebook
from hallpanel.engine import records, sealing
from hallpanel.engine.clock import utc_now
from hallpanel.engine.scope import SYSTEM
from tests.databases import open_engine
from tests.engine.test_sealing import desk
from tests.visit_entity import declared

url, keys, until = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
load_rulebook()
sealing.use(keys)
engine, written = open_engine(url), 0
with declared() as (Caller, _dossier):
    print("ready", flush=True)
    while not until.exists():
        for key in range(1, 41):
            with desk(engine) as session:
                record = records.find(session, Caller, key)
                assert record.identity.plain[:6] == "330106"
                values = {"telephone": f"138{written:08d}", "identity": f"330106{written:012d}"}
                records.change(session, record, values, actor=SYSTEM, at=utc_now())
                session.commit()
                written += 1
print(written)
"""


def test_new_keys_take_over_under_load_with_no_error_and_begin_again_pii_4(
    callers, engine, session, ring, tmp_path, monkeypatch
):
    for number in range(120):
        make(session, callers, f"C{number}")
    until = tmp_path / "until"
    asked = [sys.executable, "-c", WRITER, engine.url.render_as_string(hide_password=False)]
    writer = subprocess.Popen(
        [*asked, str(ring.path), str(until)],
        cwd=HOME,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert writer.stdout.readline() == "ready\n"
        monkeypatch.setattr(rekeying, "BATCH", 10)
        for cipher in (Cipher.AES, Cipher.AES, Cipher.SM4):
            ring.cipher = cipher
            ring.add()
            cut_off(engine, callers)
            rekeying.rotate(lambda: desk(engine), [callers])
    finally:
        until.touch()
        out, err = writer.communicate(timeout=60)
    assert writer.returncode == 0, err
    assert int(out.split()[-1]) > 0
    rekeying.rotate(lambda: desk(engine), [callers])
    with desk(engine) as opened:
        assert rekeying.waiting(opened, [callers]) == 0
        found = opened.scalars(select(callers)).all()
        assert len(found) == 120
        assert all(one.identity.plain[:6] == "330106" for one in found)
        assert {one.identity_sealed.split(".")[1] for one in found} == {ring.newest}
        assert audit.verify(opened).ok


def cut_off(engine, entity):
    """Begin to write values anew, and be stopped in the middle."""
    calls = threading.Event()

    @contextmanager
    def failing():
        if calls.is_set():
            raise KeyboardInterrupt
        calls.set()
        with desk(engine) as session:
            yield session

    with pytest.raises(KeyboardInterrupt):
        rekeying.rotate(failing, [entity])


# what is deleted


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_is_deleted_is_in_no_file_afterwards_pii_5(callers, engine, session):
    canary = "金丝雀甲乙丙丁"
    for number in range(200):
        make(session, callers, f"C{number}", name=f"{canary}{number}")
    assert any(canary.encode() in content for _path, content in files(engine))
    session.commit()
    with engine.begin() as beside:
        beside.execute(callers.__table__.delete())
    from hallpanel.engine.store import fold_log

    fold_log(engine)
    assert [path for path, content in files(engine) if canary.encode() in content] == []
