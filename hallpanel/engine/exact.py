"""Exact figures: points and days in decimals, the same to the last place on both databases."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, Numeric
from sqlalchemy.types import TypeDecorator, TypeEngine


def fits(value: Decimal | int, digits: int, places: int) -> bool:
    """Whether a figure can be kept without losing anything."""
    if abs(value) >= 10 ** (digits - places):
        return False
    return Decimal(value).quantize(Decimal(1).scaleb(-places)) == value


class Exact(TypeDecorator[Decimal]):
    """A decimal of so many digits, so many of them after the point.

    SQLite computes in binary fractions; rounded to the places they are exact again, sums included.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, digits: int = 6, places: int = 2) -> None:
        super().__init__(digits, places)
        self.digits, self.places = digits, places

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """NUMERIC on both; SQLite hands out floats, which the driver must not warn of."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(self.digits, self.places, asdecimal=False))
        return dialect.type_descriptor(Numeric(self.digits, self.places))

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> Decimal | None:
        """Refuse what the column cannot hold exactly."""
        if value is None:
            return None
        if not fits(value, self.digits, self.places):
            raise ValueError(f"{value} has more than {self.digits} digits, {self.places} of them")
        return self._rounded(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Give it back with all its places."""
        return None if value is None else self._rounded(value)

    def _rounded(self, value: Any) -> Decimal:
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-self.places))
