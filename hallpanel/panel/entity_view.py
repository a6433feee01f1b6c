"""The view of every regulated entity: Flask-Admin's CRUD, from the declaration and under its rules.

Flask-Admin gives the routes, the menu and the frame of a view; what a list shows, what a form may
set and which record answers an id come from the declaration, through the scope. No entity has a
view class of its own.
"""

from typing import Any

from flask import abort, flash, jsonify, redirect, render_template, request, url_for
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from hallpanel.engine import facts, records, submission
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.errors import Refusal, Stale
from hallpanel.engine.scope import Actor
from hallpanel.engine.workflow import Transition
from hallpanel.panel import (
    attachments,
    exporting,
    extra_parameters,
    importing,
    inline,
    month_pages,
    personal_pages,
    remarks,
    saved_views,
)
from hallpanel.panel.extensions import db
from hallpanel.panel.forms import (
    DeclaredForm,
    editable_fields,
    entity_form,
    options_of,
    value_of,
    version_seen,
)
from hallpanel.panel.language import _, followed, translate
from hallpanel.panel.lists import ListPageMaker
from hallpanel.panel.person import present, request_instant
from hallpanel.panel.record_page import record_page
from hallpanel.panel.showing import Button, cell, record_url, shown
from hallpanel.panel.surroundings import figures
from hallpanel.panel.transitions import TransitionPage, clause_link, lowered

LOOKUP_LIMIT = 20
Answer = str | AnyResponse


class EntityView(ModelView):
    """CRUD, transitions, export and import of one entity, closed to all whom it does not name."""

    list_template = "hallpanel/list.html"
    edit_template = create_template = "hallpanel/form.html"
    details_template = "hallpanel/detail.html"

    def __init__(self, entity: type[Regulated]) -> None:
        self.entity = entity
        super().__init__(
            entity,
            db,
            name=entity.plural,
            category=entity.chapter(),
            endpoint=entity.__tablename__,
            url=f"/admin/{entity.__tablename__}",
        )

    # Flask-Admin scaffolds lists, filters and forms when a view is made, outside of any request
    # and for nobody in particular (pitfall 24); here they are made for the request and its actor.

    def _refresh_cache(self) -> None:
        self._list_columns: list[tuple[str, str]] = []
        self._form_ajax_refs: dict[str, Any] = {}

    def scaffold_auto_joins(self) -> list[Any]:
        """The engine's listing joins what it lists."""
        return []

    def _run_view(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the view once: an error in it is not hidden behind a second call (pitfall 23)."""
        return fn(self, *args, **kwargs)

    # who may

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return present().actor

    def is_accessible(self) -> bool:
        """Whether any of the actor's roles reads these records."""
        return self.entity.access.may(self.actor, "read")

    def is_visible(self) -> bool:
        """The menu shows what may be opened."""
        return self.is_accessible()

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Answer:
        """Say that it is not allowed; nobody is sent elsewhere in silence."""
        abort(403)

    def may(self, right: str) -> bool:
        """Whether the actor has a right over these records."""
        return self.entity.access.may(self.actor, right)

    def _demand(self, right: str) -> None:
        if not self.may(right):
            abort(403)

    def load(self, record_id: Any) -> Regulated:
        """The record of an id within reach; a foreign or malformed one is not found (pitfall 2)."""
        record = records.find(db.session(), self.entity, record_id)
        if record is None:
            abort(404)
        return record

    def _crumbs(self, *last: str) -> list[tuple[str, str | None]]:
        list_url = url_for(".index_view")
        found: list[tuple[str, str | None]] = [(_("Home"), url_for("home.index"))]
        found.append((translate(self.entity.plural), list_url if last else None))
        return [*found, *((word, None) for word in last)]

    # the list

    @expose("/")
    def index_view(self) -> Answer:
        """The list."""
        maker = ListPageMaker(self.entity, self.actor)
        found = figures(maker.listing.counted())
        page = maker.page(found.count)
        if self.may("create"):
            page.new_url = url_for(".create_view")
            page.new_label = _("New: %(thing)s", thing=translate(self.entity.label))
        if self.may("export"):
            page.export_urls = exporting.urls(self.entity, maker.args)
        if self.may("imports"):
            page.import_url = url_for(".import_view")
        if self.entity.calendar_view is not None:
            page.extra.append(Button(_("Calendar"), url_for(".calendar_view"), icon="calendar3"))
        saved_views.lay_on(page, self.entity)
        return render_template(self.list_template, page=page, crumbs=self._crumbs())

    @expose("/views/keep/", methods=("POST",))
    def keep_view(self) -> Answer:
        """Keep what the list shows under a name."""
        return saved_views.keep(self.entity)

    @expose("/views/drop/", methods=("POST",))
    def drop_view(self) -> Answer:
        """Forget a kept view."""
        return saved_views.drop(self.entity)

    # one record

    @expose("/details/")
    def details_view(self) -> Answer:
        """The record's page."""
        record = self.load(request.args.get("id"))
        page = record_page(record, self.actor)
        return render_template(
            self.details_template, page=page, crumbs=self._crumbs(record.display())
        )

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Answer:
        """The form of a new record."""
        self._demand("create")
        declared = editable_fields(self.entity, self.actor, new=True)
        form = entity_form(self.entity, declared, None, self._preset())
        extra_parameters.note(self.entity, (one.name for one in form))
        if request.method == "POST" and form.validate():
            made = self._create(form)
            if made is not None:
                return redirect(self._onward(made), 303)
        title = _("New: %(thing)s", thing=translate(self.entity.label))
        return self._form_page(
            form, title, back_url=url_for(".index_view"), then=self._first_step()
        )

    def _first_step(self) -> Transition | None:
        """The transition that most people make at once with what they have just filled in."""
        workflow = self.entity.workflow
        steps = workflow.leaving(workflow.initial) if workflow else []
        mine = [t for t in steps if t.awaited and t.by.roles & self.actor.roles and not t.asks]
        return mine[0] if mine else None

    def _onward(self, record_id: int) -> str:
        """To the first step's page where the form asked for it, else to the record."""
        step = self._first_step()
        if step is not None and request.form.get("then") == step.verb:
            back = record_url(self.entity.__tablename__, record_id)
            return url_for(".act_view", verb=step.verb, id=record_id, url=back)
        return record_url(self.entity.__tablename__, record_id)

    def _preset(self) -> dict[str, Any]:
        """Relations that the address fills in, such as ?leave_type=3."""
        found = {}
        for declared in editable_fields(self.entity, self.actor, new=True):
            name = declared.name
            if declared.kind is Kind.RELATION and request.args.get(name):
                target = REGISTRY[str(declared.target)]
                found[name] = records.find(db.session(), target, request.args[name])
        return found

    def _create(self, form: DeclaredForm) -> int | None:
        """Make the record; a form sent a second time leads to the one it made (CON-2)."""
        session, at, account = db.session(), request_instant(), self.actor.account_id or 0
        token = request.form.get("form_token", "").strip() or abort(400)
        table = self.entity.__tablename__
        try:
            with attachments.received(form.posted_files()) as files:
                if not submission.claim(session, token, account, table, at):
                    session.rollback()
                    attachments.discard(files)
                    return submission.result(session, token, account)
                record = records.create(
                    session, self.entity, form.values(), actor=self.actor, at=at
                )
                attachments.put(record, self.actor, files)
                submission.keep_result(session, token, account, record.id)
                session.commit()
        except Refusal as refusal:
            session.rollback()
            self._show_refusal(form, refusal)
            return None
        flash(_("Saved: %(record)s", record=record.display()), "success")
        return record.id

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Answer:
        """The form of a record that may still be edited."""
        record = self.load(request.args.get("id"))
        if not records.may_edit(record, self.actor):
            return self._closed(record)
        state = facts.state_of(record)
        declared = editable_fields(self.entity, self.actor, new=False, state=state)
        form = entity_form(self.entity, declared, record)
        extra_parameters.note(self.entity, (one.name for one in form), record)
        conflict = None
        if request.method == "POST":
            if form.validate():
                conflict = self._change(form, record)
                if conflict is None and not form.form_errors and not form.errors:
                    return redirect(record_url(record.__tablename__, record.id), 303)
        else:
            form["row_version"].data = str(record.version)
        title = _("Edit: %(record)s", record=record.display())
        back = record_url(record.__tablename__, record.id)
        return self._form_page(form, title, back_url=back, conflict=conflict)

    def _closed(self, record: Regulated) -> Answer:
        flash(
            _(
                "Cannot edit %(record)s: in its state it is read-only, or it is not yours to edit "
                "(clause %(clause)s)",
                record=record.display(),
                clause=self.entity.clause,
            ),
            "danger",
        )
        if request.method == "POST":
            abort(403)
        return redirect(record_url(record.__tablename__, record.id), 303)

    def _change(self, form: DeclaredForm, record: Regulated) -> list[tuple[str, str, str]] | None:
        """Save; both versions of each fact where somebody else was faster (X7)."""
        session = db.session()
        before = {name: value_of(record, name) for name in form.values()}
        try:
            with attachments.received(form.posted_files()) as files:
                records.change(
                    session,
                    record,
                    form.values(),
                    actor=self.actor,
                    at=request_instant(),
                    version=version_seen(form["row_version"].data),
                )
                attachments.put(record, self.actor, files)
                session.commit()
        except Stale:
            session.rollback()
            return self._both_versions(form, before, record)
        except Refusal as refusal:
            session.rollback()
            self._show_refusal(form, refusal)
            return None
        flash(_("Saved: %(record)s", record=record.display()), "success")
        return None

    def _both_versions(
        self, form: DeclaredForm, theirs: dict[str, Any], record: Regulated
    ) -> list[tuple[str, str, str]]:
        """Yours beside theirs; sending once more, now knowing theirs, saves yours."""
        fields = self.entity.fields()
        fresh = db.session.scalar(select(self.entity.version).where(self.entity.id == record.id))
        form["row_version"].data = str(fresh)
        return [
            (
                translate(fields[name].label),
                shown(fields[name], mine),
                shown(fields[name], theirs[name]),
            )
            for name, mine in form.values().items()
            if mine != theirs[name]
        ] or [(_("Everything"), _("as saved"), _("as saved"))]

    def _show_refusal(self, form: DeclaredForm, refusal: Refusal) -> None:
        """A rule's objection stands beside its field, or on top."""
        text = followed(self._cannot_save(refusal), refusal.then)
        if refusal.field and refusal.field in form:
            form[refusal.field].errors = [*form[refusal.field].errors, text]
        else:
            form.form_errors.append(text)

    def _cannot_save(self, refusal: Refusal) -> str:
        clause = refusal.clause or self.entity.clause
        return _(
            "Cannot save: %(why)s (clause %(clause)s)", why=translate(refusal.why), clause=clause
        )

    def _form_page(
        self,
        form: DeclaredForm,
        title: str,
        *,
        back_url: str,
        conflict: list[tuple[str, str, str]] | None = None,
        then: Transition | None = None,
    ) -> str:
        form.miss_files()
        page = {
            "title": title,
            "form": form,
            "groups": form.sections(),
            "submit_label": _("Save"),
            "back_url": back_url,
            "conflict": conflict,
            "then": (then.verb, translate(then.label)) if then else None,
            "clause": clause_link(self.entity.clause),
        }
        return render_template(self.edit_template, page=page, crumbs=self._crumbs(title))

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> Answer:
        """Delete what nothing uses (X5): a page that asks, then a POST that does."""
        self._demand("delete")
        record = self.load(request.values.get("id"))
        if request.method == "POST":
            return self._delete(record)
        page = {
            "title": _("Delete"),
            "sentence": _("Delete %(record)s for good", record=record.display()),
            "records": [(record.id, record.version, record.display())],
            "expectations": [_("The record is gone; what it was stays in the audit trail")],
            "form": None,
            "confirm_label": _("Delete"),
            "tone": "danger",
            "back_url": record_url(record.__tablename__, record.id),
            "clause": clause_link(self.entity.clause),
            "refusals": [],
        }
        return render_template("hallpanel/act.html", page=page, crumbs=self._crumbs(_("Delete")))

    def _delete(self, record: Regulated) -> Answer:
        session, name, back = (
            db.session(),
            record.display(),
            record_url(record.__tablename__, record.id),
        )
        try:
            records.remove(session, record, actor=self.actor)
            session.commit()
        except Refusal as refusal:
            session.rollback()
            why = _(
                "Cannot delete %(record)s: %(why)s (clause %(clause)s)",
                record=name,
                why=lowered(translate(refusal.why)),
                clause=refusal.clause or self.entity.clause,
            )
            flash(followed(why, refusal.then), "danger")
            return redirect(back, 303)
        flash(_("Deleted: %(record)s", record=name), "success")
        return redirect(url_for(".index_view"), 303)

    # transitions

    @expose("/act/<verb>/", methods=("GET", "POST"))
    def act_view(self, verb: str) -> Answer:
        """A transition: on GET the page that asks, on POST the deed."""
        return TransitionPage(self.entity, verb, self.actor).answer()

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Answer:
        """Flask-Admin's bulk address leads to the same transitions."""
        verb = request.form.get("action", "")
        return TransitionPage(self.entity, verb, self.actor).answer()

    # small questions of scripts

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Answer:
        """Options of a relation within reach, at most so many (pitfall 18)."""
        target = self._lookup_target(request.args.get("name", ""), request.args.get("verb"))
        found = options_of(target, request.args.get("query", "").strip(), LOOKUP_LIMIT)
        return jsonify([[key, text] for key, text in found])

    def _lookup_target(self, name: str, verb: str | None) -> type[Regulated]:
        transition = self.entity.workflow.find(verb) if verb and self.entity.workflow else None
        asks = {ask.name: ask.target for ask in transition.asks} if transition else {}
        declared = facts.Reading(self.entity, self.actor).fields.get(name)
        able = [one for one in editable_fields(self.entity, self.actor, new=True) if not declared]
        declared = declared or next((one for one in able if one.name == name), None)
        table = asks.get(name) or (declared.target if declared else None)
        if table is None:
            abort(404)
        return REGISTRY[table]

    @expose("/ajax/update/", methods=("POST",))
    def ajax_update(self) -> Answer:
        """Edit one fact in the list, under the same rules as the form (pitfall 1)."""
        record_id = request.form.get("list_form_pk")
        if record_id is None:
            abort(400)
        record = self.load(record_id)
        able = editable_fields(self.entity, self.actor, new=False, state=facts.state_of(record))
        wanted = [f for f in able if f.inline and f.name in request.form]
        if not records.may_edit(record, self.actor) or not wanted:
            abort(403)
        form = entity_form(self.entity, wanted[:1], record)
        extra_parameters.note(self.entity, (one.name for one in form), record)
        if not form.validate():
            return _unsaved(
                " ".join(str(e) for errors in form.errors.values() for e in errors), 422
            )
        return self._update_inline(form, record, wanted[0])

    def _update_inline(self, form: DeclaredForm, record: Regulated, fact: Field) -> Answer:
        session = db.session()
        try:
            records.change(
                session,
                record,
                form.values(),
                actor=self.actor,
                at=request_instant(),
                version=version_seen(request.form.get("version")),
            )
            session.commit()
        except Stale as stale:
            session.rollback()
            then = _("Load the page again to see what it is now.")
            return _unsaved(followed(self._cannot_save(stale), then), 409)
        except Refusal as refusal:
            session.rollback()
            return _unsaved(followed(self._cannot_save(refusal), refusal.then), 409)
        value = getattr(record, fact.column)
        return jsonify(
            version=record.version,
            text=cell(self.entity, fact.name, value, None).text,
            value=inline.typed(inline.inputs([fact])[fact.name], value),
            said=_("Saved: %(record)s", record=record.display()),
        )

    # what people add

    @expose("/comment/", methods=("POST",))
    def comment_view(self) -> Answer:
        """Add a comment."""
        return remarks.add(self.load(request.args.get("id")), self.actor)

    @expose("/attach/", methods=("POST",))
    def attach_view(self) -> Answer:
        """Attach a file."""
        return attachments.add(self.load(request.args.get("id")), self.actor)

    @expose("/attachment/<int:attachment_id>")
    def attachment_view(self, attachment_id: int) -> Answer:
        """Send an attached file after the check of its record."""
        return attachments.send(self.entity, attachment_id)

    # tables in and out, and the month

    @expose("/find/", methods=("POST",))
    def find_view(self) -> Answer:
        """Look for a sealed fact: what was typed stays out of the address (PII-2)."""
        return personal_pages.find(self.entity, self.actor)

    @expose("/unmask/<fact>/", methods=("GET", "POST"))
    def unmask_view(self, fact: str) -> Answer:
        """Read one masked fact whole, for a reason."""
        record = self.load(request.values.get("id"))
        return personal_pages.unmask(record, fact, self.actor, self._crumbs(record.display()))

    @expose("/export/<export_type>/", methods=("GET", "POST"))
    def export(self, export_type: str) -> Answer:
        """The list as asked for, as a table to take away."""
        self._demand("export")
        return exporting.answer(ListPageMaker(self.entity, self.actor), export_type, self.actor)

    @expose("/import/", methods=("GET", "POST"))
    def import_view(self) -> Answer:
        """Take a table in: upload, dry run, confirm."""
        self._demand("imports")
        return importing.answer(self.entity, self.actor)

    @expose("/import/template/<kind>")
    def import_template(self, kind: str) -> Answer:
        """An empty table with the right heads."""
        self._demand("imports")
        return importing.template(self.entity, kind)

    @expose("/calendar/")
    def calendar_view(self) -> Answer:
        """The month of people by window, for entities that are spans of days."""
        if self.entity.calendar_view is None:
            abort(404)
        return month_pages.answer(self.entity, self.actor)


def _unsaved(sentence: str, code: int) -> AnyResponse:
    """Why a script's edit was not saved, as the error pages tell a script."""
    answer = jsonify(error=sentence)
    answer.status_code = code
    return answer
