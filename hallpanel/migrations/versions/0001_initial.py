"""The hall's tables, and the guard over its audit book.

Revision ID: 0001
Revises: 
Create Date: 2026-11-23 22:12:07.551549
"""

import sqlalchemy as sa
from alembic import op

from hallpanel.engine import audit

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('approval_step',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('table_name', sa.String(length=63), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=32), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by', sa.String(length=200), nullable=True),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('on_behalf_of', sa.String(length=200), nullable=True),
    sa.Column('remark', sa.String(length=2000), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approval_step')),
    sa.UniqueConstraint('table_name', 'record_id', 'round', 'position', name=op.f('uq_approval_step_table_name'))
    )
    with op.batch_alter_table('approval_step', schema=None) as batch_op:
        batch_op.create_index('ix_approval_step_record', ['table_name', 'record_id'], unique=False)

    op.create_table('attachment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('table_name', sa.String(length=63), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('stored_name', sa.String(length=64), nullable=False),
    sa.Column('media_type', sa.String(length=100), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('author_account_id', sa.Integer(), nullable=True),
    sa.Column('author', sa.String(length=200), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attachment')),
    sa.UniqueConstraint('stored_name', name=op.f('uq_attachment_stored_name'))
    )
    with op.batch_alter_table('attachment', schema=None) as batch_op:
        batch_op.create_index('ix_attachment_record', ['table_name', 'record_id'], unique=False)

    op.create_table('audit_event',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('table_name', sa.String(), nullable=True),
    sa.Column('record_id', sa.String(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('clause', sa.String(), nullable=True),
    sa.Column('actor_account_id', sa.Integer(), nullable=True),
    sa.Column('actor_name', sa.String(), nullable=False),
    sa.Column('on_behalf_of', sa.String(), nullable=True),
    sa.Column('role', sa.String(), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('before', sa.Text(), nullable=True),
    sa.Column('after', sa.Text(), nullable=True),
    sa.Column('address', sa.String(), nullable=True),
    sa.Column('session_hash', sa.String(), nullable=True),
    sa.Column('request_id', sa.String(), nullable=True),
    sa.Column('result', sa.String(), nullable=False),
    sa.Column('algorithm', sa.String(), nullable=False),
    sa.Column('previous_digest', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit_event'))
    )
    with op.batch_alter_table('audit_event', schema=None) as batch_op:
        batch_op.create_index('ix_audit_event_actor', ['actor_account_id', 'seq'], unique=False)
        batch_op.create_index('ix_audit_event_at', ['at', 'seq'], unique=False)
        batch_op.create_index('ix_audit_event_record', ['table_name', 'record_id', 'seq'], unique=False)

    op.create_table('audit_head',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_audit_head_single')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_head'))
    )
    op.create_table('clause',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('text_zh', sa.Text(), nullable=False),
    sa.Column('text_en', sa.Text(), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clause')),
    sa.UniqueConstraint('number', 'since', name=op.f('uq_clause_number'))
    )
    with op.batch_alter_table('clause', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_clause_kind'), ['kind'], unique=False)
        batch_op.create_index(batch_op.f('ix_clause_number'), ['number'], unique=False)
        batch_op.create_index(batch_op.f('ix_clause_since'), ['since'], unique=False)

    op.create_table('closed_month',
    sa.Column('year', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('month', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('year', 'month', name=op.f('pk_closed_month'))
    )
    op.create_table('comment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('table_name', sa.String(length=63), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('author_account_id', sa.Integer(), nullable=True),
    sa.Column('author', sa.String(length=200), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_comment'))
    )
    with op.batch_alter_table('comment', schema=None) as batch_op:
        batch_op.create_index('ix_comment_record', ['table_name', 'record_id'], unique=False)

    op.create_table('counter',
    sa.Column('series', sa.String(length=40), nullable=False),
    sa.Column('year', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('value', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('series', 'year', name=op.f('pk_counter'))
    )
    op.create_table('deadline',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('table_name', sa.String(length=63), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('rule', sa.String(length=63), nullable=False),
    sa.Column('clause', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('holder_role', sa.String(length=32), nullable=True),
    sa.Column('promise_limit', sa.String(length=63), nullable=False),
    sa.Column('statute_limit', sa.String(length=63), nullable=True),
    sa.Column('reminder_limit', sa.String(length=63), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('remind_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('promise_due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('statute_due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('provisional', sa.Boolean(), nullable=False),
    sa.Column('paused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('pause_reason', sa.String(), nullable=True),
    sa.Column('paused_working_days', sa.Integer(), nullable=False),
    sa.Column('stopped_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_fire_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deadline'))
    )
    with op.batch_alter_table('deadline', schema=None) as batch_op:
        batch_op.create_index('ix_deadline_next_fire_at', ['next_fire_at', 'id'], unique=False, sqlite_where=sa.text('next_fire_at IS NOT NULL'), postgresql_where=sa.text('next_fire_at IS NOT NULL'))
        batch_op.create_index('ix_deadline_record', ['table_name', 'record_id'], unique=False)
        batch_op.create_index('ix_deadline_unit', ['unit_id', 'state', 'promise_due_at'], unique=False)
        batch_op.create_index('uq_deadline_open', ['table_name', 'record_id', 'rule'], unique=True, sqlite_where=sa.text('stopped_at IS NULL'), postgresql_where=sa.text('stopped_at IS NULL'))

    op.create_table('hall',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('address', sa.String(length=200), nullable=False),
    sa.Column('opening_hours', sa.Text(), nullable=False),
    sa.Column('telephone', sa.String(length=40), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hall')),
    sa.UniqueConstraint('name', name=op.f('uq_hall_name'))
    )
    op.create_table('lease',
    sa.Column('name', sa.String(length=63), nullable=False),
    sa.Column('holder', sa.String(length=200), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )
    op.create_table('leave_tier',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=32), nullable=False),
    sa.Column('above_days', sa.Numeric(precision=10, scale=1), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_leave_tier')),
    sa.UniqueConstraint('role', 'since', name=op.f('uq_leave_tier_role'))
    )
    op.create_table('leave_type',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=30), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('letter', sa.String(length=2), nullable=False),
    sa.Column('tone', sa.String(length=32), nullable=False),
    sa.Column('entitlement', sa.String(length=32), nullable=False),
    sa.Column('days_a_year', sa.Numeric(precision=10, scale=1), nullable=True),
    sa.Column('counts', sa.String(length=32), nullable=False),
    sa.Column('half_days', sa.Boolean(), nullable=False),
    sa.Column('largest_span', sa.Numeric(precision=10, scale=1), nullable=True),
    sa.Column('carry_until', sa.String(length=5), nullable=True),
    sa.Column('certificate_after_days', sa.Numeric(precision=10, scale=1), nullable=True),
    sa.Column('notice_days', sa.Integer(), nullable=False),
    sa.Column('decided', sa.String(length=32), nullable=False),
    sa.Column('present', sa.Boolean(), nullable=False),
    sa.Column('paid', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('retired_on', sa.Date(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("tone IN ('success', 'warning', 'danger', 'info', 'secondary')", name=op.f('ck_leave_type_tone_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_leave_type')),
    sa.UniqueConstraint('code', name=op.f('uq_leave_type_code')),
    sa.UniqueConstraint('name', name=op.f('uq_leave_type_name'))
    )
    with op.batch_alter_table('leave_type', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_leave_type_entitlement'), ['entitlement'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_type_state'), ['state'], unique=False)

    op.create_table('limit_rule',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('key', sa.String(length=60), nullable=False),
    sa.Column('amount', sa.Integer(), nullable=False),
    sa.Column('unit', sa.String(length=32), nullable=False),
    sa.Column('clause_number', sa.String(length=20), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('note', sa.String(length=200), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_limit_rule')),
    sa.UniqueConstraint('key', 'since', name=op.f('uq_limit_rule_key'))
    )
    with op.batch_alter_table('limit_rule', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_limit_rule_key'), ['key'], unique=False)
        batch_op.create_index(batch_op.f('ix_limit_rule_since'), ['since'], unique=False)

    op.create_table('message',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('to_account_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('phrase', sa.Text(), nullable=False),
    sa.Column('table_name', sa.String(length=63), nullable=True),
    sa.Column('record_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('posted_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message'))
    )
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.create_index('ix_message_inbox', ['to_account_id', 'id'], unique=False)
        batch_op.create_index('ix_message_not_posted', ['id'], unique=False, sqlite_where=sa.text('posted_at IS NULL'), postgresql_where=sa.text('posted_at IS NULL'))
        batch_op.create_index('ix_message_record', ['table_name', 'record_id'], unique=False)
        batch_op.create_index('ix_message_unread', ['to_account_id'], unique=False, sqlite_where=sa.text('read_at IS NULL'), postgresql_where=sa.text('read_at IS NULL'))

    op.create_table('point_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('points', sa.Numeric(precision=6, scale=2), nullable=False),
    sa.Column('clause', sa.String(length=16), nullable=False),
    sa.Column('rule_key', sa.String(length=63), nullable=False),
    sa.Column('subject_kind', sa.String(length=32), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('source_table', sa.String(length=63), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('source_event', sa.String(length=63), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('note', sa.String(), nullable=True),
    sa.Column('reverses_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['reverses_id'], ['point_entry.id'], name=op.f('fk_point_entry_reverses_id_point_entry')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_point_entry'))
    )
    with op.batch_alter_table('point_entry', schema=None) as batch_op:
        batch_op.create_index('ix_point_entry_staff', ['staff_id', 'day'], unique=False)
        batch_op.create_index('ix_point_entry_unit', ['unit_id', 'day'], unique=False)
        batch_op.create_index('uq_point_entry_person', ['source_table', 'source_id', 'source_event', 'clause', 'staff_id'], unique=True, sqlite_where=sa.text("subject_kind = 'person'"), postgresql_where=sa.text("subject_kind = 'person'"))
        batch_op.create_index('uq_point_entry_unit', ['source_table', 'source_id', 'source_event', 'clause', 'unit_id'], unique=True, sqlite_where=sa.text("subject_kind = 'unit'"), postgresql_where=sa.text("subject_kind = 'unit'"))

    op.create_table('point_rule',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('clause_number', sa.String(length=20), nullable=False),
    sa.Column('points', sa.Numeric(precision=10, scale=2), nullable=False),
    sa.Column('subject_kind', sa.String(length=32), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_point_rule')),
    sa.UniqueConstraint('key', 'subject_kind', 'since', name=op.f('uq_point_rule_key'))
    )
    with op.batch_alter_table('point_rule', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_point_rule_key'), ['key'], unique=False)
        batch_op.create_index(batch_op.f('ix_point_rule_since'), ['since'], unique=False)
        batch_op.create_index(batch_op.f('ix_point_rule_subject_kind'), ['subject_kind'], unique=False)

    op.create_table('post',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('duties', sa.Text(), nullable=True),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('retired_on', sa.Date(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_post')),
    sa.UniqueConstraint('name', name=op.f('uq_post_name'))
    )
    with op.batch_alter_table('post', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_post_state'), ['state'], unique=False)

    op.create_table('reminder_sent',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('table_name', sa.String(length=63), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reminder_sent')),
    sa.UniqueConstraint('table_name', 'record_id', 'name', 'day', name=op.f('uq_reminder_sent_table_name'))
    )
    op.create_table('submission',
    sa.Column('token', sa.String(length=120), nullable=False),
    sa.Column('table_name', sa.String(length=63), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('token', name=op.f('pk_submission'))
    )
    op.create_table('unit',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('department', sa.String(length=200), nullable=False),
    sa.Column('business', sa.Text(), nullable=False),
    sa.Column('contact', sa.String(length=200), nullable=True),
    sa.Column('telephone', sa.String(length=40), nullable=True),
    sa.Column('chief', sa.String(length=200), nullable=True),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('retired_on', sa.Date(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unit')),
    sa.UniqueConstraint('code', name=op.f('uq_unit_code')),
    sa.UniqueConstraint('name', name=op.f('uq_unit_name'))
    )
    with op.batch_alter_table('unit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_unit_kind'), ['kind'], unique=False)
        batch_op.create_index(batch_op.f('ix_unit_state'), ['state'], unique=False)

    op.create_table('work_calendar_day',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('working', sa.Boolean(), nullable=False),
    sa.Column('source', sa.String(length=32), nullable=False),
    sa.Column('note', sa.String(length=200), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_work_calendar_day'))
    )
    with op.batch_alter_table('work_calendar_day', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_work_calendar_day_day'), ['day'], unique=True)
        batch_op.create_index(batch_op.f('ix_work_calendar_day_source'), ['source'], unique=False)
        batch_op.create_index(batch_op.f('ix_work_calendar_day_working'), ['working'], unique=False)

    op.create_table('blocked_date',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('only_unit_id', sa.Integer(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['only_unit_id'], ['unit.id'], name=op.f('fk_blocked_date_only_unit_id_unit'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_blocked_date'))
    )
    with op.batch_alter_table('blocked_date', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_blocked_date_first_day'), ['first_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_blocked_date_last_day'), ['last_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_blocked_date_only_unit_id'), ['only_unit_id'], unique=False)

    op.create_table('deadline_mark',
    sa.Column('deadline_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['deadline_id'], ['deadline.id'], name=op.f('fk_deadline_mark_deadline_id_deadline')),
    sa.PrimaryKeyConstraint('deadline_id', 'kind', name=op.f('pk_deadline_mark'))
    )
    op.create_table('deadline_pause',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('deadline_id', sa.Integer(), nullable=False),
    sa.Column('paused_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('resumed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['deadline_id'], ['deadline.id'], name=op.f('fk_deadline_pause_deadline_id_deadline')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deadline_pause'))
    )
    with op.batch_alter_table('deadline_pause', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_deadline_pause_deadline_id'), ['deadline_id'], unique=False)

    op.create_table('delivery',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('message_id', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=32), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], name=op.f('fk_delivery_message_id_message')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery')),
    sa.UniqueConstraint('message_id', 'channel', name=op.f('uq_delivery_message_id'))
    )
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.create_index('ix_delivery_next_try_at', ['next_try_at'], unique=False, sqlite_where=sa.text('next_try_at IS NOT NULL'), postgresql_where=sa.text('next_try_at IS NOT NULL'))

    op.create_table('leave_entitlement',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('years_from', sa.Integer(), nullable=False),
    sa.Column('days', sa.Numeric(precision=10, scale=1), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('leave_type_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['leave_type_id'], ['leave_type.id'], name=op.f('fk_leave_entitlement_leave_type_id_leave_type'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_leave_entitlement')),
    sa.UniqueConstraint('leave_type_id', 'years_from', 'since', name=op.f('uq_leave_entitlement_leave_type_id'))
    )
    with op.batch_alter_table('leave_entitlement', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_leave_entitlement_leave_type_id'), ['leave_type_id'], unique=False)

    op.create_table('service_window',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('business', sa.String(length=200), nullable=False),
    sa.Column('minimum_staff', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('retired_on', sa.Date(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_service_window_unit_id_unit'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service_window')),
    sa.UniqueConstraint('number', name=op.f('uq_service_window_number'))
    )
    with op.batch_alter_table('service_window', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_service_window_state'), ['state'], unique=False)
        batch_op.create_index(batch_op.f('ix_service_window_unit_id'), ['unit_id'], unique=False)
        batch_op.create_index('ix_service_window_unit_state', ['unit_id', 'state', 'id'], unique=False)

    op.create_table('staff',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('joined_on', sa.Date(), nullable=False),
    sa.Column('years_before', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=True),
    sa.Column('partner_id', sa.Integer(), nullable=True),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('retired_on', sa.Date(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['partner_id'], ['staff.id'], name=op.f('fk_staff_partner_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name=op.f('fk_staff_post_id_post'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_staff_unit_id_unit'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff')),
    sa.UniqueConstraint('number', name=op.f('uq_staff_number'))
    )
    with op.batch_alter_table('staff', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_joined_on'), ['joined_on'], unique=False)
        batch_op.create_index(batch_op.f('ix_staff_name'), ['name'], unique=False)
        batch_op.create_index(batch_op.f('ix_staff_partner_id'), ['partner_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_staff_post_id'), ['post_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_staff_state'), ['state'], unique=False)
        batch_op.create_index(batch_op.f('ix_staff_unit_id'), ['unit_id'], unique=False)
        batch_op.create_index('ix_staff_unit_state', ['unit_id', 'state', 'id'], unique=False)

    op.create_table('account',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('username', sa.String(length=64), nullable=False),
    sa.Column('username_key', sa.String(length=256), nullable=False),
    sa.Column('password_hash', sa.String(length=255), nullable=False),
    sa.Column('display_name', sa.String(length=100), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
    sa.Column('locked_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('must_change_password', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('password_changed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('demonstration', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('language', sa.String(length=20), nullable=True),
    sa.Column('theme', sa.String(length=10), nullable=True),
    sa.Column('views', sa.Text(), nullable=True),
    sa.Column('mail', sa.String(length=254), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('failures >= 0', name=op.f('ck_account_failures_counted')),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_account_staff_id_staff')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
    sa.UniqueConstraint('username_key', name=op.f('uq_account_username_key'))
    )
    with op.batch_alter_table('account', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_account_staff_id'), ['staff_id'], unique=False)

    op.create_table('delegation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=True),
    sa.Column('delegator_id', sa.Integer(), nullable=False),
    sa.Column('delegate_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['delegate_id'], ['staff.id'], name=op.f('fk_delegation_delegate_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['delegator_id'], ['staff.id'], name=op.f('fk_delegation_delegator_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_delegation_unit_id_unit'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delegation'))
    )
    with op.batch_alter_table('delegation', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_delegation_delegate_id'), ['delegate_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_delegation_delegator_id'), ['delegator_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_delegation_first_day'), ['first_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_delegation_last_day'), ['last_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_delegation_state'), ['state'], unique=False)
        batch_op.create_index(batch_op.f('ix_delegation_unit_id'), ['unit_id'], unique=False)
        batch_op.create_index('ix_delegation_unit_state', ['unit_id', 'state', 'id'], unique=False)

    op.create_table('leave_request',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=40), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('first_half', sa.String(length=32), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('last_half', sa.String(length=32), nullable=False),
    sa.Column('days', sa.Numeric(precision=10, scale=1), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('cover_accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('left_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('returned_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('leave_type_id', sa.Integer(), nullable=False),
    sa.Column('substitute_id', sa.Integer(), nullable=True),
    sa.Column('extends_id', sa.Integer(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('turn', sa.String(length=32), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['extends_id'], ['leave_request.id'], name=op.f('fk_leave_request_extends_id_leave_request'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['leave_type_id'], ['leave_type.id'], name=op.f('fk_leave_request_leave_type_id_leave_type'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_leave_request_staff_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['substitute_id'], ['staff.id'], name=op.f('fk_leave_request_substitute_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_leave_request_unit_id_unit'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_leave_request')),
    sa.UniqueConstraint('number', name=op.f('uq_leave_request_number'))
    )
    with op.batch_alter_table('leave_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_leave_request_extends_id'), ['extends_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_request_first_day'), ['first_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_request_last_day'), ['last_day'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_request_leave_type_id'), ['leave_type_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_request_staff_id'), ['staff_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_request_state'), ['state'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_request_substitute_id'), ['substitute_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_request_turn'), ['turn'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_request_unit_id'), ['unit_id'], unique=False)
        batch_op.create_index('ix_leave_request_unit_state', ['unit_id', 'state', 'id'], unique=False)

    op.create_table('unit_membership',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_unit_membership_staff_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_unit_membership_unit_id_unit'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unit_membership')),
    sa.UniqueConstraint('staff_id', 'since', name=op.f('uq_unit_membership_staff_id'))
    )
    with op.batch_alter_table('unit_membership', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_unit_membership_staff_id'), ['staff_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_unit_membership_unit_id'), ['unit_id'], unique=False)

    op.create_table('window_assignment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('window_id', sa.Integer(), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_window_assignment_staff_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_window_assignment_unit_id_unit'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['window_id'], ['service_window.id'], name=op.f('fk_window_assignment_window_id_service_window'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_window_assignment')),
    sa.UniqueConstraint('staff_id', 'window_id', 'since', name=op.f('uq_window_assignment_staff_id'))
    )
    with op.batch_alter_table('window_assignment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_window_assignment_staff_id'), ['staff_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_window_assignment_unit_id'), ['unit_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_window_assignment_window_id'), ['window_id'], unique=False)

    op.create_table('attendance_day',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('morning', sa.String(length=32), nullable=True),
    sa.Column('afternoon', sa.String(length=32), nullable=True),
    sa.Column('note', sa.String(length=200), nullable=True),
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('morning_leave_id', sa.Integer(), nullable=True),
    sa.Column('afternoon_leave_id', sa.Integer(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['afternoon_leave_id'], ['leave_request.id'], name=op.f('fk_attendance_day_afternoon_leave_id_leave_request'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['morning_leave_id'], ['leave_request.id'], name=op.f('fk_attendance_day_morning_leave_id_leave_request'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_attendance_day_staff_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_attendance_day_unit_id_unit'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attendance_day')),
    sa.UniqueConstraint('staff_id', 'day', name=op.f('uq_attendance_day_staff_id'))
    )
    with op.batch_alter_table('attendance_day', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_attendance_day_afternoon'), ['afternoon'], unique=False)
        batch_op.create_index(batch_op.f('ix_attendance_day_afternoon_leave_id'), ['afternoon_leave_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_attendance_day_day'), ['day'], unique=False)
        batch_op.create_index(batch_op.f('ix_attendance_day_morning'), ['morning'], unique=False)
        batch_op.create_index(batch_op.f('ix_attendance_day_morning_leave_id'), ['morning_leave_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_attendance_day_staff_id'), ['staff_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_attendance_day_unit_id'), ['unit_id'], unique=False)

    op.create_table('leave_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('days', sa.Numeric(precision=10, scale=1), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('note', sa.String(length=200), nullable=True),
    sa.Column('staff_id', sa.Integer(), nullable=False),
    sa.Column('leave_type_id', sa.Integer(), nullable=False),
    sa.Column('request_id', sa.Integer(), nullable=True),
    sa.Column('unit_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['leave_type_id'], ['leave_type.id'], name=op.f('fk_leave_entry_leave_type_id_leave_type'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['request_id'], ['leave_request.id'], name=op.f('fk_leave_entry_request_id_leave_request'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_leave_entry_staff_id_staff'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_leave_entry_unit_id_unit'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_leave_entry'))
    )
    with op.batch_alter_table('leave_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_leave_entry_day'), ['day'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_entry_kind'), ['kind'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_entry_leave_type_id'), ['leave_type_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_entry_request_id'), ['request_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_entry_staff_id'), ['staff_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_entry_unit_id'), ['unit_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leave_entry_year'), ['year'], unique=False)

    op.create_table('role_grant',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.String(length=32), nullable=False),
    sa.Column('unit_id', sa.Integer(), nullable=True),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.CheckConstraint('until IS NULL OR until >= since', name=op.f('ck_role_grant_period_in_order')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_role_grant_account_id_account')),
    sa.ForeignKeyConstraint(['unit_id'], ['unit.id'], name=op.f('fk_role_grant_unit_id_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_role_grant'))
    )
    with op.batch_alter_table('role_grant', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_role_grant_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_role_grant_unit_id'), ['unit_id'], unique=False)

    op.create_table('sign_in_session',
    sa.Column('id_hash', sa.String(length=64), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('user_agent', sa.String(length=200), nullable=False),
    sa.Column('address', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_sign_in_session_account_id_account')),
    sa.PrimaryKeyConstraint('id_hash', name=op.f('pk_sign_in_session'))
    )
    with op.batch_alter_table('sign_in_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sign_in_session_account_id'), ['account_id'], unique=False)

    connection = op.get_bind()
    for statement in audit.triggers(connection.dialect.name):
        connection.exec_driver_sql(statement)
    audit.found(connection)


def downgrade() -> None:
    with op.batch_alter_table('sign_in_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sign_in_session_account_id'))

    op.drop_table('sign_in_session')
    with op.batch_alter_table('role_grant', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_role_grant_unit_id'))
        batch_op.drop_index(batch_op.f('ix_role_grant_account_id'))

    op.drop_table('role_grant')
    with op.batch_alter_table('leave_entry', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_leave_entry_year'))
        batch_op.drop_index(batch_op.f('ix_leave_entry_unit_id'))
        batch_op.drop_index(batch_op.f('ix_leave_entry_staff_id'))
        batch_op.drop_index(batch_op.f('ix_leave_entry_request_id'))
        batch_op.drop_index(batch_op.f('ix_leave_entry_leave_type_id'))
        batch_op.drop_index(batch_op.f('ix_leave_entry_kind'))
        batch_op.drop_index(batch_op.f('ix_leave_entry_day'))

    op.drop_table('leave_entry')
    with op.batch_alter_table('attendance_day', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_attendance_day_unit_id'))
        batch_op.drop_index(batch_op.f('ix_attendance_day_staff_id'))
        batch_op.drop_index(batch_op.f('ix_attendance_day_morning_leave_id'))
        batch_op.drop_index(batch_op.f('ix_attendance_day_morning'))
        batch_op.drop_index(batch_op.f('ix_attendance_day_day'))
        batch_op.drop_index(batch_op.f('ix_attendance_day_afternoon_leave_id'))
        batch_op.drop_index(batch_op.f('ix_attendance_day_afternoon'))

    op.drop_table('attendance_day')
    with op.batch_alter_table('window_assignment', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_window_assignment_window_id'))
        batch_op.drop_index(batch_op.f('ix_window_assignment_unit_id'))
        batch_op.drop_index(batch_op.f('ix_window_assignment_staff_id'))

    op.drop_table('window_assignment')
    with op.batch_alter_table('unit_membership', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_unit_membership_unit_id'))
        batch_op.drop_index(batch_op.f('ix_unit_membership_staff_id'))

    op.drop_table('unit_membership')
    with op.batch_alter_table('leave_request', schema=None) as batch_op:
        batch_op.drop_index('ix_leave_request_unit_state')
        batch_op.drop_index(batch_op.f('ix_leave_request_unit_id'))
        batch_op.drop_index(batch_op.f('ix_leave_request_turn'))
        batch_op.drop_index(batch_op.f('ix_leave_request_substitute_id'))
        batch_op.drop_index(batch_op.f('ix_leave_request_state'))
        batch_op.drop_index(batch_op.f('ix_leave_request_staff_id'))
        batch_op.drop_index(batch_op.f('ix_leave_request_leave_type_id'))
        batch_op.drop_index(batch_op.f('ix_leave_request_last_day'))
        batch_op.drop_index(batch_op.f('ix_leave_request_first_day'))
        batch_op.drop_index(batch_op.f('ix_leave_request_extends_id'))

    op.drop_table('leave_request')
    with op.batch_alter_table('delegation', schema=None) as batch_op:
        batch_op.drop_index('ix_delegation_unit_state')
        batch_op.drop_index(batch_op.f('ix_delegation_unit_id'))
        batch_op.drop_index(batch_op.f('ix_delegation_state'))
        batch_op.drop_index(batch_op.f('ix_delegation_last_day'))
        batch_op.drop_index(batch_op.f('ix_delegation_first_day'))
        batch_op.drop_index(batch_op.f('ix_delegation_delegator_id'))
        batch_op.drop_index(batch_op.f('ix_delegation_delegate_id'))

    op.drop_table('delegation')
    with op.batch_alter_table('account', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_account_staff_id'))

    op.drop_table('account')
    with op.batch_alter_table('staff', schema=None) as batch_op:
        batch_op.drop_index('ix_staff_unit_state')
        batch_op.drop_index(batch_op.f('ix_staff_unit_id'))
        batch_op.drop_index(batch_op.f('ix_staff_state'))
        batch_op.drop_index(batch_op.f('ix_staff_post_id'))
        batch_op.drop_index(batch_op.f('ix_staff_partner_id'))
        batch_op.drop_index(batch_op.f('ix_staff_name'))
        batch_op.drop_index(batch_op.f('ix_staff_joined_on'))

    op.drop_table('staff')
    with op.batch_alter_table('service_window', schema=None) as batch_op:
        batch_op.drop_index('ix_service_window_unit_state')
        batch_op.drop_index(batch_op.f('ix_service_window_unit_id'))
        batch_op.drop_index(batch_op.f('ix_service_window_state'))

    op.drop_table('service_window')
    with op.batch_alter_table('leave_entitlement', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_leave_entitlement_leave_type_id'))

    op.drop_table('leave_entitlement')
    with op.batch_alter_table('delivery', schema=None) as batch_op:
        batch_op.drop_index('ix_delivery_next_try_at', sqlite_where=sa.text('next_try_at IS NOT NULL'), postgresql_where=sa.text('next_try_at IS NOT NULL'))

    op.drop_table('delivery')
    with op.batch_alter_table('deadline_pause', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_deadline_pause_deadline_id'))

    op.drop_table('deadline_pause')
    op.drop_table('deadline_mark')
    with op.batch_alter_table('blocked_date', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_blocked_date_only_unit_id'))
        batch_op.drop_index(batch_op.f('ix_blocked_date_last_day'))
        batch_op.drop_index(batch_op.f('ix_blocked_date_first_day'))

    op.drop_table('blocked_date')
    with op.batch_alter_table('work_calendar_day', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_work_calendar_day_working'))
        batch_op.drop_index(batch_op.f('ix_work_calendar_day_source'))
        batch_op.drop_index(batch_op.f('ix_work_calendar_day_day'))

    op.drop_table('work_calendar_day')
    with op.batch_alter_table('unit', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_unit_state'))
        batch_op.drop_index(batch_op.f('ix_unit_kind'))

    op.drop_table('unit')
    op.drop_table('submission')
    op.drop_table('reminder_sent')
    with op.batch_alter_table('post', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_post_state'))

    op.drop_table('post')
    with op.batch_alter_table('point_rule', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_point_rule_subject_kind'))
        batch_op.drop_index(batch_op.f('ix_point_rule_since'))
        batch_op.drop_index(batch_op.f('ix_point_rule_key'))

    op.drop_table('point_rule')
    with op.batch_alter_table('point_entry', schema=None) as batch_op:
        batch_op.drop_index('uq_point_entry_unit', sqlite_where=sa.text("subject_kind = 'unit'"), postgresql_where=sa.text("subject_kind = 'unit'"))
        batch_op.drop_index('uq_point_entry_person', sqlite_where=sa.text("subject_kind = 'person'"), postgresql_where=sa.text("subject_kind = 'person'"))
        batch_op.drop_index('ix_point_entry_unit')
        batch_op.drop_index('ix_point_entry_staff')

    op.drop_table('point_entry')
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_index('ix_message_unread', sqlite_where=sa.text('read_at IS NULL'), postgresql_where=sa.text('read_at IS NULL'))
        batch_op.drop_index('ix_message_record')
        batch_op.drop_index('ix_message_not_posted', sqlite_where=sa.text('posted_at IS NULL'), postgresql_where=sa.text('posted_at IS NULL'))
        batch_op.drop_index('ix_message_inbox')

    op.drop_table('message')
    with op.batch_alter_table('limit_rule', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_limit_rule_since'))
        batch_op.drop_index(batch_op.f('ix_limit_rule_key'))

    op.drop_table('limit_rule')
    with op.batch_alter_table('leave_type', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_leave_type_state'))
        batch_op.drop_index(batch_op.f('ix_leave_type_entitlement'))

    op.drop_table('leave_type')
    op.drop_table('leave_tier')
    op.drop_table('lease')
    op.drop_table('hall')
    with op.batch_alter_table('deadline', schema=None) as batch_op:
        batch_op.drop_index('uq_deadline_open', sqlite_where=sa.text('stopped_at IS NULL'), postgresql_where=sa.text('stopped_at IS NULL'))
        batch_op.drop_index('ix_deadline_unit')
        batch_op.drop_index('ix_deadline_record')
        batch_op.drop_index('ix_deadline_next_fire_at', sqlite_where=sa.text('next_fire_at IS NOT NULL'), postgresql_where=sa.text('next_fire_at IS NOT NULL'))

    op.drop_table('deadline')
    op.drop_table('counter')
    with op.batch_alter_table('comment', schema=None) as batch_op:
        batch_op.drop_index('ix_comment_record')

    op.drop_table('comment')
    op.drop_table('closed_month')
    with op.batch_alter_table('clause', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_clause_since'))
        batch_op.drop_index(batch_op.f('ix_clause_number'))
        batch_op.drop_index(batch_op.f('ix_clause_kind'))

    op.drop_table('clause')
    op.drop_table('audit_head')
    with op.batch_alter_table('audit_event', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_event_record')
        batch_op.drop_index('ix_audit_event_at')
        batch_op.drop_index('ix_audit_event_actor')

    op.drop_table('audit_event')
    with op.batch_alter_table('attachment', schema=None) as batch_op:
        batch_op.drop_index('ix_attachment_record')

    op.drop_table('attachment')
    with op.batch_alter_table('approval_step', schema=None) as batch_op:
        batch_op.drop_index('ix_approval_step_record')

    op.drop_table('approval_step')
