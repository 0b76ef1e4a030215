"""The rows that say how much of a subscriber's allowance is given out."""

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Table


class Allowance(Table):
    """One subscriber's present window of one length, and the units of it that processes took."""

    __tablename__ = "allowances"

    subscriber_id: Mapped[str] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True)
    period: Mapped[str] = mapped_column(String(16), primary_key=True)
    starts_at: Mapped[int] = mapped_column(BigInteger)  # seconds since 1970
    taken: Mapped[int] = mapped_column(BigInteger)
