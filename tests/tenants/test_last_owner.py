"""Two owners who step down at the same moment: one of them stays, or nobody could act for the organisation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from tenants.actions.actor import SYSTEM
from tenants.actions.memberships import change_role, leave_tenant
from tenants.actions.suspensions import suspend_member
from tenants.models import Membership
from tenants.problems import Problem
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso


def leave(row: Membership) -> None:
    leave_tenant(actor=SYSTEM, membership=row)


def be_suspended(row: Membership) -> None:
    suspend_member(actor=SYSTEM, membership=row, reason="On leave")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("go", [leave, be_suspended])
def test_of_two_owners_who_go_at_once_one_stays(contoso: Contoso, go: Callable[[Membership], None]) -> None:
    dora = factories.make_membership(contoso.tenant, factories.make_user("dora@contoso.example"))
    rows = [Membership.objects.get(user=contoso.alice), dora]
    both_are_there = Barrier(2)

    def step_down(row: Membership) -> str:
        try:
            with scope(contoso.tenant):
                Membership.objects.count()
                both_are_there.wait(10)
                go(row)
        except Problem as problem:
            return problem.code
        finally:
            connection.close()
        return "gone"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(step_down, rows)) == ["gone", "user.last_owner"]
    owners = Membership.objects.filter(tenant=contoso.tenant, role=Membership.Role.OWNER, suspended_at=None)
    assert owners.count() == 1


@pytest.mark.django_db
def test_an_owner_who_is_suspended_does_not_count(contoso: Contoso) -> None:
    dora = factories.make_membership(contoso.tenant, factories.make_user("dora@contoso.example"))
    Membership.objects.filter(pk=dora.pk).update(suspended_at=contoso.tenant.created_at)
    row = Membership.objects.get(user=contoso.alice)
    with pytest.raises(Problem, match=r"user\.last_owner"):
        change_role(actor=SYSTEM, by_role=Membership.Role.OWNER, membership=row, role=Membership.Role.ADMIN)


@pytest.mark.django_db
def test_an_owner_who_may_not_sign_in_does_not_count(contoso: Contoso) -> None:
    factories.make_membership(contoso.tenant, factories.make_user("dora@contoso.example", is_active=False))
    with pytest.raises(Problem, match=r"user\.last_owner"):
        leave_tenant(actor=SYSTEM, membership=Membership.objects.get(user=contoso.alice))
