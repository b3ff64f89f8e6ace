"""Plans: made, changed and removed by operators; what they allow counts within two seconds everywhere."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from tenants.actions.actor import Actor
from tenants.actions.audit import audit, snapshot
from tenants.actions.tenants import check_limits
from tenants.limits import NAMES
from tenants.models import Plan, Tenant
from tenants.names import printable_name
from tenants.problems import Problem, constraint_problems
from tenants.wakeups import platform_changed

FIELDS = frozenset(NAMES) | {"name", "description", "is_default", "weight"}
MAX_WEIGHT = 100


@transaction.atomic
def create_plan(*, actor: Actor, name: str, **fields: Any) -> Plan:
    """Make a plan. As the default one it takes that place from the plan that had it."""
    plan = Plan(name=name)
    _write(plan, fields)
    audit(actor=actor, tenant=None, action="plan.create", obj=plan, after=snapshot(plan))
    platform_changed()
    return plan


@transaction.atomic
def change_plan(*, actor: Actor, plan: Plan, **changes: Any) -> Plan:
    """Change a plan for all tenants that have it."""
    before = snapshot(plan)
    if changes.get("is_default") is False and plan.is_default:
        raise Problem("plan.default_needed", field="is_default", plan=plan.name)
    plan.version += 1
    _write(plan, changes)
    audit(actor=actor, tenant=None, action="plan.change", obj=plan, before=before, after=snapshot(plan))
    platform_changed()
    return plan


@transaction.atomic
def delete_plan(*, actor: Actor, plan: Plan) -> None:
    """Remove a plan that no tenant has and that is not the default."""
    if plan.is_default:
        raise Problem("plan.default_needed", plan=plan.name)
    if (count := Tenant.objects.filter(plan=plan).count()) > 0:
        raise Problem("plan.in_use", plan=plan.name, tenants=count)
    audit(actor=actor, tenant=None, action="plan.delete", obj=plan, before=snapshot(plan))
    plan.delete()
    platform_changed()


def _write(plan: Plan, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if name not in FIELDS:
            raise Problem("api.unknown_field", field=name, name=name)
        setattr(plan, name, value)
    plan.name = printable_name(plan.name)
    if not plan.name:
        raise Problem("api.required", field="name")
    check_limits(plan)
    if not 1 <= plan.weight <= MAX_WEIGHT:
        raise Problem("plan.invalid_weight", field="weight", value=plan.weight, high=MAX_WEIGHT)
    if plan.is_default:
        Plan.objects.filter(is_default=True).exclude(pk=plan.pk).update(is_default=False)
    with constraint_problems({"tenants_plan_name_key": Problem("plan.name_exists", field="name", plan=plan.name)}):
        plan.save()
