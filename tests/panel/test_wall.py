"""PostgreSQL withholds by itself what a person may not see, from an account that owns nothing."""

import os
import re

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, insert, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from hallpanel.engine import records, scope, wall
from hallpanel.engine.entity import REGISTRY, criterion_of
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.store import Base
from hallpanel.guard.account import Account
from hallpanel.guard.actors import actor_of
from hallpanel.panel.extensions import db
from tests.databases import serving, settings_for
from tests.panel.door import agreed
from tests.panel.hall import ACCOUNTS, NOW, Hall

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)

PEOPLE = sorted(ACCOUNTS)


@pytest.fixture
def walled(hall_url, tmp_path, monkeypatch):
    """The furnished hall, served by an account that owns nothing."""
    from config import settings
    from hallpanel import create_app

    asked = {"HALLPANEL_INSTANCE": str(tmp_path / "instance"), **serving(hall_url)}
    app = create_app({**settings(asked), "TESTING": True})
    done = app.test_cli_runner().invoke(args=["db-roles"])
    assert done.exit_code == 0, done.output
    yield Hall(app)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def engine(walled):
    """The pool of the serving account, of one connection."""
    with walled.app.app_context():
        url = db.engine.url
    made = create_engine(url, pool_size=1, max_overflow=0)
    yield made
    made.dispose()


def counts(connection):
    return {
        table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
        for table in REGISTRY
    }


def filled(hall):
    """Which tables hold rows, as their owner knows."""
    with hall.owner() as connection:
        found = counts(connection)
    assert sum(count > 0 for count in found.values()) > 8
    return {table for table, count in found.items() if count}


def test_without_a_setting_the_serving_account_sees_no_row_az_4_pitfall_34(walled, engine):
    assert filled(walled)
    with engine.connect() as connection:
        assert set(counts(connection).values()) == {0}


def test_no_setting_stays_in_the_pool_az_4_pitfall_34(walled, engine):
    for end in ("commit", "rollback"):
        with Session(engine, info={"actor": SYSTEM}) as session:
            pid = session.scalar(text("SELECT pg_backend_pid()"))
        with records.open_session(engine) as session:
            scope.set_actor(session, SYSTEM)
            unit = REGISTRY["unit"]
            assert len(session.scalars(select(unit)).all()) > 1
            assert session.scalar(text("SELECT count(*) FROM unit")) > 1
            getattr(session, end)()
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() == pid
            assert set(counts(connection).values()) == {0}, end


def test_the_owner_of_the_tables_is_walled_too_az_4_pitfall_34(walled):
    """ENABLE alone would show the owner every row; FORCE does not."""
    table = sorted(filled(walled))[0]
    with walled.owner() as connection, connection.begin():
        connection.exec_driver_sql("CREATE ROLE landlord")
        connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO landlord")
        connection.exec_driver_sql(f"ALTER TABLE {table} OWNER TO landlord")
        connection.exec_driver_sql("SET LOCAL ROLE landlord")
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
        connection.exec_driver_sql(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() > 0
        connection.rollback()


@pytest.mark.parametrize("username", PEOPLE)
def test_raw_sql_shows_each_person_what_the_declarations_let_them_see_az_4(walled, username):
    """The policies are made from the declarations, and the scope is never wider than the wall."""
    with walled.app.app_context():
        session = db.session()
        with records.at_desk(session, SYSTEM, NOW):
            account = session.scalars(select(Account).where(Account.username == username)).one()
            actor = actor_of(session, account, NOW)
            declared, scoped = {}, {}
            for table, entity in REGISTRY.items():
                declared[table] = ids(session, entity, criterion_of(entity, actor))
                scoped[table] = ids(session, entity, entity.criterion(actor))
        session.rollback()
        with records.at_desk(session, actor, NOW):
            for table, entity in REGISTRY.items():
                key = entity.__table__.c.id.name
                seen = set(session.scalars(text(f"SELECT {key} FROM {table}")))
                assert seen == declared[table], table
                assert scoped[table] <= seen, table


def ids(session, entity, criterion):
    query = select(entity.id)
    return set(session.scalars(query if criterion is None else query.where(criterion)))


def test_every_regulated_table_has_the_policy_of_its_declaration_az_4(walled):
    with walled.owner() as connection:
        assert wall.unwalled(connection) == []
        before = policies(connection)
        assert before.keys() == REGISTRY.keys()
        wall.raise_walls(connection)
        assert policies(connection) == before, "a migration raises the same walls again"
        connection.rollback()
        connection.exec_driver_sql("ALTER TABLE unit NO FORCE ROW LEVEL SECURITY")
        assert wall.unwalled(connection) == ["unit"]
        connection.rollback()


def policies(connection):
    rows = connection.exec_driver_sql(
        "SELECT tablename, qual FROM pg_policies WHERE policyname = 'hall_reach'"
    )
    return dict(rows.all())


RIGHTS = (
    "UPDATE audit_event SET reason = 'forged'",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "DELETE FROM audit_head",
    "INSERT INTO audit_archive VALUES (1, 1, '', '', '', now())",
    "DELETE FROM audit_archive",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "ALTER TABLE unit NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY hall_reach ON unit",
    "DROP TRIGGER audit_event_change ON audit_event",
    "UPDATE alembic_version SET version_num = '0'",
    "SET session_replication_role = replica",
    "CREATE ROLE friend",
    "SET ROLE hallpanel",
)


@pytest.mark.parametrize("statement", RIGHTS)
def test_the_serving_account_may_not_touch_what_guards_it_aud_3_az_4(walled, engine, statement):
    with engine.connect() as connection, pytest.raises(ProgrammingError) as refused:
        connection.exec_driver_sql(statement)
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


def test_a_temporary_table_does_not_open_the_book_aud_6(walled):
    """A guard that looks a link up by a bare name would find this one."""
    with walled.owner() as connection:
        connection.exec_driver_sql(
            "CREATE TEMPORARY TABLE audit_archive (first_seq int, last_seq int)"
        )
        connection.exec_driver_sql("INSERT INTO audit_archive VALUES (1, 1000000)")
        with pytest.raises(Exception, match="audit events are never"):
            connection.exec_driver_sql("DELETE FROM public.audit_event")


def test_an_account_that_could_pass_by_the_wall_is_named_az_4(walled, hall_url):
    with walled.app.app_context(), db.engine.connect() as connection:
        assert wall.overpowered(connection) == []
    with walled.owner() as connection:
        assert "it is a superuser" in wall.overpowered(connection)


def test_going_back_to_a_savepoint_forgets_no_reach_az_4(walled, engine):
    staff = REGISTRY["staff"]
    with records.open_session(engine) as session:
        savepoint = session.begin_nested()
        scope.set_actor(session, SYSTEM)
        everybody = len(session.scalars(select(staff)).all())
        savepoint.rollback()
        assert len(session.scalars(select(staff)).all()) == everybody > 1


def test_names_open_for_their_own_statement_alone_az_4(walled):
    with walled.app.app_context():
        session = db.session()
        staff = REGISTRY["staff"]
        with records.at_desk(session, SYSTEM, NOW):
            query = select(Account).where(Account.username == "staff.a1")
            actor = actor_of(session, session.scalars(query).one(), NOW)
        with records.at_desk(session, actor, NOW):
            names = scope.names_of(staff)
            everybody = len(session.execute(select(names.c.name)).all())
            assert everybody == len(walled.rows("staff"))
            assert session.scalar(text("SELECT count(*) FROM staff")) < everybody


@pytest.mark.parametrize("username", PEOPLE)
def test_every_list_and_record_is_the_same_behind_the_wall_az_4(
    walled, hall_url, tmp_path, username
):
    """What a person sees through the scope does not change when the database withholds too."""
    from hallpanel import create_app

    unwalled = Hall(create_app(settings_for(hall_url, tmp_path / "owner")))
    behind, before = walled.browser(username), unwalled.browser(username)
    for table in REGISTRY:
        for page in ("", "export/csv/"):
            address = f"/admin/{table}/{page}"
            one, other = behind.get(address), before.get(address)
            assert one.status_code == other.status_code, address
            assert content(one) == content(other), address
        for row in walled.rows(table)[:3]:
            address = f"/admin/{table}/details/?id={row['id']}"
            one, other = behind.get(address), before.get(address)
            assert one.status_code == other.status_code, address
            assert content(one) == content(other), address
    for address in ("/", "/search/?q=李", "/inbox/", "/rulebook/"):
        assert content(behind.get(address)) == content(before.get(address)), address
    with unwalled.app.app_context():
        db.engine.dispose()


CHANGING = r'nonce="[^"]*"|name="csrf_token"[^>]*>|name="(?:once|submission)"[^>]*>|[0-9a-f]{16,}'


def content(answer):
    """A page without what differs each time."""
    return re.sub(CHANGING, "", answer.get_data(as_text=True))


def test_the_sweep_and_the_command_line_work_behind_the_wall_az_4(walled):
    runner = walled.app.test_cli_runner()
    for words in (["sweep"], ["worker", "--once"], ["audit", "verify"], ["seed"], ["check"]):
        done = runner.invoke(args=words)
        assert done.exit_code == 0, (words, done.output)


def test_a_backup_by_the_owner_holds_all_rows_and_comes_back_dur_5_az_4(walled, tmp_path):
    """A policy must not thin out the copy; nor may a restore take the serving account's rights."""
    before = walled.digests(but=("audit_event", "audit_head", "sign_in_session", "lease"))
    runner, file = walled.app.test_cli_runner(), tmp_path / "copy.tar"
    assert runner.invoke(args=["backup", str(file)]).exit_code == 0
    lead = walled.browser("lead.a")
    done = runner.invoke(args=["restore", str(file), *map(str, agreed(walled.app, file))])
    assert done.exit_code == 0, done.output
    assert walled.digests(but=("audit_event", "audit_head", "sign_in_session", "lease")) == before
    assert lead.client.get("/").status_code == 303, "the restore signs everybody out"
    assert walled.browser("lead.a").get("/admin/leave_request/").status_code == 200


def test_a_change_round_the_session_is_refused_aud_5(walled):
    with walled.app.app_context():
        session = db.session()
        with records.at_desk(session, SYSTEM, NOW), pytest.raises(RuntimeError, match="no audit"):
            session.connection().execute(update(Base.metadata.tables["unit"]).values(name="x"))
        session.rollback()
        with records.at_desk(session, SYSTEM, NOW), pytest.raises(RuntimeError, match="no audit"):
            session.connection().execute(insert(Base.metadata.tables["post"]).values(name="x"))


def test_the_owner_of_a_plain_installation_serves_as_before_az_4(hall_url, tmp_path):
    """Without a second account PostgreSQL serves as it did; the deploy check names that."""
    assert not os.environ.get("HALLPANEL_OWNER_URL")
    engine = create_engine(hall_url, poolclass=NullPool)
    with records.open_session(engine) as session, records.at_desk(session, SYSTEM, NOW):
        assert session.scalars(select(REGISTRY["unit"])).all()
