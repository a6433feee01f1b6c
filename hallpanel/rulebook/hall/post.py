"""Posts (clauses 1.2.1, 7.3.3)."""

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, Kind, ListView, Regulated, Secrecy, column
from hallpanel.engine.words import _l


class Post(Regulated):
    """A kind of post in the hall with its duties."""

    clause = "1.2.1"
    label = _l("Post")
    plural = _l("Posts")
    title = "name"
    icon = "person-workspace"
    unit_bound = False
    retires = True
    access = REFERENCE

    name: Mapped[str] = column(_l("Name"), secrecy=Secrecy.PUBLIC, unique=True)
    duties: Mapped[str | None] = column(_l("Duties"), kind=Kind.LONG_TEXT, secrecy=Secrecy.PUBLIC)

    list_view = ListView("name", "duties", search=("name",))
