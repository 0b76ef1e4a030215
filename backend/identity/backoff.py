"""How fast attempts to sign in may follow one another: an account and a network come in; TooManyRequests where it is too soon.

Three things are counted. Failures on one account from one network slow that network on that account. Failures on one account
from anywhere slow the networks from which its owner has never come; those from one network on any account slow it on the accounts
that never signed in from there. So guesses are slowed from wherever they come, and nobody else can keep a person out who comes
from where they came before.

An attempt is counted before its password is looked at, and what was counted is given back where it was right: attempts that come
all at once are as slow as those that come one after the other. One that is refused here is not counted and never prolongs the wait.
"""

import hashlib
import ipaddress
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, delete, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from backend.database import Table, db, now
from backend.errors import TooManyRequests
from backend.identity.sign_in_tables import KnownPlace, SignInFailures
from backend.identity.tables import User

_FAILURES_KEPT, _PLACES_KEPT = timedelta(days=1), timedelta(days=90)


@dataclass(frozen=True)
class Pace:
    """Failures that cost nothing; the longest wait after more, in seconds; seconds after which one failure is forgotten."""

    free: int
    longest: int
    forgiving: int

    def wait(self, failures: int) -> timedelta | None:
        """How long the next attempt has to wait: not at all, then 1 second, then twice as long after each failure."""
        over = failures - self.free
        return None if over < 0 else timedelta(seconds=min(self.longest, 2 ** min(over, 30)))


# From one network on one account: 10 guesses at once, then some 100 a day.
ONE_ACCOUNT = Pace(free=10, longest=900, forgiving=900)
# From everywhere on one account, and from one network on every account: 50 at once, then one a minute.
WIDELY = Pace(free=50, longest=60, forgiving=60)


@dataclass(frozen=True)
class Attempt:
    """One attempt that was let through: what was counted, and what that made of each wait."""

    place: str
    began_at: datetime
    waits: Mapping[str, datetime | None]
    own: str


def network_of(address: str) -> str:
    """The network that an address stands for: an IPv4 address itself, an IPv6 address with its 64 bits; other texts as they are."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(found), 64), strict=False))
    return str(found)


def begin_attempt(account: str, place: str, *, is_known: bool = False) -> Attempt:
    """Count an attempt on the account of that name from `place`; TooManyRequests where the next may not come yet.

    `is_known` is for a place that proves by itself whose it is, such as a session. Ends the transaction of the caller's session, in
    which nothing may have been written yet.
    """
    own = _key("account and place", account, place)
    wide = {_key("account", account): WIDELY, _key("place", place): WIDELY}
    with _transaction() as connection:
        known = is_known or _is_known(connection, account, place)
        return _count(connection, place, own, {own: ONE_ACCOUNT} | ({} if known else wide))


def begin_code(user_id: str, place: str) -> Attempt:
    """Count an attempt to give the code of a second factor, by somebody who knows the password; see `begin_attempt`."""
    with _transaction() as connection:
        known = connection.scalar(select(KnownPlace.place).where(_at(user_id, place))) is not None
        own = _key("code", user_id, place if known else "elsewhere")
        return _count(connection, place, own, {own: ONE_ACCOUNT})


def succeed(attempt: Attempt, user: User) -> None:
    """The person came from there, and the account's failures from there are forgotten; in the caller's transaction."""
    forget(attempt)
    connection = db.session.connection()
    _give_back(connection, attempt)
    connection.execute(delete(KnownPlace).where(KnownPlace.seen_at < attempt.began_at - _PLACES_KEPT))
    seen = _insert(connection, KnownPlace).values(user_id=user.id, place=attempt.place, seen_at=attempt.began_at)
    seen = seen.on_conflict_do_update(index_elements=["user_id", "place"], set_={"seen_at": attempt.began_at})
    connection.execute(seen)


def forget(attempt: Attempt) -> None:
    """What failed on the account from there counts no more; in the caller's transaction."""
    db.session.execute(delete(SignInFailures).where(SignInFailures.key == attempt.own))


def withdraw(attempt: Attempt) -> None:
    """The attempt was neither right nor wrong: as if it had not been made. Ends the transaction of the caller's session."""
    with _transaction() as connection:
        _give_back(connection, attempt)


def _transaction() -> AbstractContextManager[Connection]:
    # The connection goes back first: a thread that holds one and waits for another could wait for itself.
    db.session.rollback()
    return db.engine.begin()


def _count(connection: Connection, place: str, own: str, paces: Mapping[str, Pace]) -> Attempt:
    moment = now()
    old = select(SignInFailures.key).where(SignInFailures.counted_at < moment - _FAILURES_KEPT)
    connection.execute(delete(SignInFailures).where(SignInFailures.key.in_(old.with_for_update(skip_locked=True))))
    # Always in the same order, so that two attempts never wait for each other's rows.
    waits = {key: _count_one(connection, key, paces[key], moment) for key in sorted(paces)}
    return Attempt(place, moment, waits, own)


def _count_one(connection: Connection, key: str, pace: Pace, moment: datetime) -> datetime | None:
    """One more failure under the key; until when the next attempt has to wait. TooManyRequests where this one comes too soon."""
    fresh = _insert(connection, SignInFailures).values(key=key, failures=0, counted_at=moment)
    # Makes the row or takes its lock, so that the numbers stay as they are read until this transaction ends.
    held = fresh.on_conflict_do_update(index_elements=["key"], set_={"key": key})
    columns = (SignInFailures.failures, SignInFailures.counted_at, SignInFailures.blocked_until)
    row = connection.execute(held.returning(*columns)).one()
    if row.blocked_until is not None and row.blocked_until > moment:
        seconds = math.ceil((row.blocked_until - moment).total_seconds())
        raise TooManyRequests(
            f"Too many attempts to sign in have failed. Try again in {seconds} seconds.", retry_after=seconds
        )
    forgotten = max(0, int((moment - row.counted_at).total_seconds() // pace.forgiving))
    failures = max(0, row.failures - forgotten) + 1
    counted_at = moment if forgotten >= row.failures else row.counted_at + timedelta(seconds=forgotten * pace.forgiving)
    wait = pace.wait(failures)
    blocked_until = None if wait is None else moment + wait
    changed = {"failures": failures, "counted_at": counted_at, "blocked_until": blocked_until}
    connection.execute(update(SignInFailures).where(SignInFailures.key == key).values(changed))
    return blocked_until


def _give_back(connection: Connection, attempt: Attempt) -> None:
    for key, until in sorted(attempt.waits.items()):
        rest = SignInFailures.failures - 1
        mine = SignInFailures.blocked_until == until  # else another attempt failed meanwhile, and its wait stands
        changed = {
            "failures": case((rest > 0, rest), else_=0),
            "blocked_until": case((mine, null()), else_=SignInFailures.blocked_until),
        }
        connection.execute(update(SignInFailures).where(SignInFailures.key == key).values(changed))


def _is_known(connection: Connection, account: str, place: str) -> bool:
    wanted = select(User.id).join(KnownPlace, KnownPlace.user_id == User.id)
    return connection.scalar(wanted.where(User.username == account, KnownPlace.place == place)) is not None


def _at(user_id: str, place: str) -> ColumnElement[bool]:
    return and_(KnownPlace.user_id == user_id, KnownPlace.place == place)


def _insert(connection: Connection, table: type[Table]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that says what to do where the row is there already; both databases say it alike."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _key(*parts: str) -> str:
    """What stands for names in the table: somebody may have typed a password where a name belongs."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
