"""The rows of people and of their sessions."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backend.database import Table, new_id, now


class User(Table):
    """A person who signs in."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)
    password_changed_at: Mapped[datetime] = mapped_column(default=now)
    disabled_at: Mapped[datetime | None]


class Session(Table):
    """One sign-in: the family of the tokens that came from it, ended as a whole."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refresh_id: Mapped[str] = mapped_column(String(36), default=new_id)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")  # from where the person signed in
    agent: Mapped[str] = mapped_column(
        String(256), default="", server_default=""
    )  # with which program, as it said itself
    seen_at: Mapped[datetime | None] = mapped_column(default=now)  # unknown of those that are older than this column
    idle_ends_at: Mapped[datetime | None]  # of the web app's: it ends then unless the person does something
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class WebHandle(Table):
    """The opaque word in a browser's cookie that leads to a session; only its hash is kept.

    At first it is the hash of a code, good until `code_ends_at`, which the browser exchanges for its cookie.
    """

    __tablename__ = "web_handles"

    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
    word_hash: Mapped[str] = mapped_column(String(64), unique=True)
    code_ends_at: Mapped[datetime | None]
    session: Mapped[Session] = relationship(lazy="joined", innerjoin=True)
