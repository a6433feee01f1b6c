"""What is told is not lost, is not told twice, and is not told of a change that rolled back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hallpanel.engine import outbox
from hallpanel.engine.outbox import ACCOUNT, BACK_OFF, DELIVERY, LEASE, MESSAGE, Channel, Message
from hallpanel.engine.store import Base, make_session
from hallpanel.engine.words import _l
from tests.engine.figures import keep
from tests.engine.racing import race

NOON = datetime(2026, 5, 11, 4, tzinfo=UTC)
MEI, LIN, ZHAO = 1, 2, 3
LETTERS = 60
APPROVED = _l("%(number)s is approved", number="QJ2026-00042")


@dataclass
class Request:
    """A record that something is told of."""

    id: int
    __tablename__ = "leave_request"


class Post:
    """A mail server that fails as often as it is told to."""

    def __init__(self, failures=0):
        self.failures = failures
        self.sent = []

    def send(self, letter, address):
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no answer")
        self.sent.append((str(letter.phrase), address))

    @property
    def channels(self):
        return {"mail": Channel(self.send, {MEI: "mei@hall", LIN: "lin@hall"}.get)}


@pytest.fixture
def engine(empty_engine):
    Base.metadata.create_all(empty_engine, tables=[MESSAGE, DELIVERY])
    accounts = [(MEI, "李梅"), (LIN, "林健"), (ZHAO, None)]
    keep(empty_engine, ACCOUNT, [{"id": id_, "display_name": name} for id_, name in accounts])
    return empty_engine


@pytest.fixture
def session(engine):
    with make_session(engine) as session:
        yield session


def tell(session, *accounts, phrase=APPROVED, at=NOON, record=None):
    outbox.tell(session, accounts, phrase, at=at, record=record)
    session.commit()


def round_(session, post, at=NOON, **more):
    done = outbox.deliver(session, at, post.channels, **more)
    return done.sent, done.failed


def deliveries(session):
    columns = (DELIVERY.c.state, DELIVERY.c.tries, DELIVERY.c.error)
    found = session.execute(select(*columns).order_by(DELIVERY.c.id)).all()
    session.commit()
    return [tuple(row) for row in found]


def unread(session, account):
    return session.scalar(select(outbox.unread_count(account)))


def test_a_message_waits_in_the_inbox_until_it_is_read(session):
    tell(session, MEI, LIN, MEI)
    tell(session, MEI, phrase=_l("The hall is closed"), at=NOON + timedelta(hours=1))
    newest, oldest = session.scalars(outbox.inbox(MEI)).all()
    assert (str(oldest.sentence), oldest.created_at) == ("QJ2026-00042 is approved", NOON)
    assert unread(session, MEI) == 2
    assert outbox.mark_read(session, MEI, NOON, [newest.id]) == 1
    assert outbox.mark_read(session, LIN, NOON, [oldest.id]) == 0
    assert unread(session, MEI) == 1
    assert outbox.mark_read(session, MEI, NOON) == 1
    assert (unread(session, MEI), unread(session, LIN)) == (0, 1)


def test_a_record_shows_what_was_told_of_it_and_to_whom(session):
    tell(session, MEI, LIN, ZHAO, record=Request(5))
    tell(session, LIN, phrase=_l("It waits"), record=Request(5))
    tell(session, LIN, record=Request(6))
    told = outbox.told_about(session, Request(5))
    assert [(str(phrase), names, at) for phrase, names, at in told] == [
        ("QJ2026-00042 is approved", ["李梅", "林健"], NOON),
        ("It waits", ["林健"], NOON),
    ]


def test_nobody_is_told_of_a_change_that_rolled_back(session):
    outbox.tell(session, [MEI], APPROVED, at=NOON)
    session.rollback()
    post = Post()
    assert round_(session, post) == (0, 0)
    assert unread(session, MEI) == 0


def test_telling_nobody_writes_nothing(session):
    tell(session)
    assert session.scalar(select(func.count()).select_from(MESSAGE)) == 0


def test_a_message_is_sent_once_on_each_channel_that_reaches_its_account(session):
    tell(session, MEI, ZHAO)
    post = Post()
    assert round_(session, post) == (1, 0)
    assert round_(session, post, NOON + timedelta(days=1)) == (0, 0)
    assert post.sent == [("QJ2026-00042 is approved", "mei@hall")]
    assert deliveries(session) == [("sent", 1, None)]


def test_what_fails_is_tried_again_after_a_while_and_kept_when_it_never_succeeds(session):
    tell(session, MEI)
    post, at = Post(failures=9), NOON
    assert round_(session, post, at) == (0, 1)
    for pause in BACK_OFF:
        assert round_(session, post, at + pause - timedelta(seconds=1)) == (0, 0)
        assert deliveries(session)[0][0] == "waiting"
        at += pause
        assert round_(session, post, at) == (0, 1)
    assert deliveries(session) == [("failed", 5, "ConnectionError: no answer")]
    assert round_(session, post, at + timedelta(days=9)) == (0, 0)


def test_what_failed_once_is_sent_the_next_time(session):
    tell(session, MEI)
    post = Post(failures=1)
    round_(session, post)
    assert round_(session, post, NOON + BACK_OFF[0]) == (1, 0)
    assert deliveries(session) == [("sent", 2, None)]


def test_one_letter_that_fails_does_not_keep_the_others(session):
    tell(session, MEI, LIN)
    assert round_(session, Post(failures=1)) == (1, 1)


def test_what_a_worker_had_in_hand_when_it_died_is_sent_by_another(session):
    class Died(BaseException):
        """The process ends."""

    def die(_letter, _address):
        raise Died

    tell(session, MEI)
    with pytest.raises(Died):
        outbox.deliver(session, NOON, {"mail": Channel(die, lambda _account: "mei@hall")})
    post = Post()
    assert round_(session, post, NOON + LEASE - timedelta(seconds=1)) == (0, 0)
    assert round_(session, post, NOON + LEASE) == (1, 0)


def test_a_worker_that_lost_its_lease_overwrites_nothing(session, engine):
    tell(session, MEI)
    faster = Post()

    def slow(_letter, _address):
        with make_session(engine) as other:
            assert round_(other, faster, NOON + LEASE) == (1, 0)
        raise TimeoutError

    outbox.deliver(session, NOON, {"mail": Channel(slow, lambda _account: "mei@hall")})
    assert deliveries(session) == [("sent", 2, None)]


def test_no_lock_is_held_while_a_letter_is_sent(session, engine):
    def send(_letter, _address):
        with make_session(engine) as other:
            tell(other, LIN)

    tell(session, MEI)
    channels = {"mail": Channel(send, {MEI: "mei@hall"}.get)}
    assert outbox.deliver(session, NOON, channels).sent == 1


def test_deliveries_want_a_session_in_which_nothing_is_under_way(session):
    outbox.tell(session, [MEI], APPROVED, at=NOON)
    with pytest.raises(RuntimeError, match="under way"):
        round_(session, Post())


def test_a_round_sends_so_many_at_most(session):
    tell(session, MEI, LIN)
    tell(session, MEI)
    assert round_(session, Post(), batch=2) == (2, 0)
    assert round_(session, Post(), batch=2) == (1, 0)


def test_what_was_written_before_a_channel_was_set_up_is_not_sent_on_it(session):
    tell(session, MEI)
    outbox.deliver(session, NOON, {})
    assert round_(session, Post()) == (0, 0)
    assert session.scalars(select(Message.posted_at)).one() == NOON


def test_a_channel_that_is_no_longer_set_up_keeps_its_letters(session):
    tell(session, MEI)
    round_(session, Post(failures=1))
    later = NOON + timedelta(hours=1)
    assert outbox.deliver(session, later, {}).sent == 0
    assert round_(session, Post(), later) == (1, 0)


def work(engine, folder):
    def send(letter, _address):
        with (Path(folder) / str(letter.message_id)).open("a") as kept:
            kept.write("x")

    def address_of(_account):
        return "mei@hall"

    with make_session(engine) as session:
        while outbox.deliver(session, NOON, {"mail": Channel(send, address_of)}).sent:
            pass


def test_four_workers_send_each_letter_once(session, engine, tmp_path):
    outbox.tell(session, range(LETTERS), APPROVED, at=NOON)
    session.commit()
    race(engine, work, str(tmp_path))
    assert [kept.read_text() for kept in tmp_path.iterdir()] == ["x"] * LETTERS
    assert deliveries(session) == [("sent", 1, None)] * LETTERS
