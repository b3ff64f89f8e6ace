"""Names that pass for others are warned of where they are registered (reliability 2.6); nobody is refused for one."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.lookalikes import deceptive_label
from tenants.models import AcceptedDomain
from tenants.names import domain_name
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of
from tests.postroom.console.conftest import page


@pytest.mark.parametrize(
    ("domain", "label"),
    [
        ("exаmple.com", "exаmple"),  # one Cyrillic letter
        ("аррӏе.com", "аррӏе"),  # all Cyrillic, all like Latin
        ("mail.раураӏ.com", "раураӏ"),
        ("αpple.example", "αpple"),
        ("ⅰbm.example", None),  # UTS 46 makes it plain
        ("ｅxample.com", None),
        ("example.com", None),
        ("münchen.example", None),
        ("пример.example", None),
        ("παράδειγμα.example", None),
        ("日本語テスト1.example", None),
        ("メールabc.example", None),
        ("한국어.example", None),
        ("привет-2026.example", None),
        ("日本語пример.example", "日本語пример"),
    ],
)
def test_what_looks_like_another_is_known(domain: str, label: str | None) -> None:
    assert deceptive_label(domain_name(domain)) == label


@pytest.mark.django_db
def test_it_is_told_where_the_domain_is_registered(contoso: Contoso, as_alice: Client) -> None:
    answer = as_alice.post("/accepted-domains/new/", {"domain": "exаmple.com", "type": "authoritative"}, follow=True)
    assert "The name looks like another" in page(answer)
    row = AcceptedDomain.objects.get(domain="xn--exmple-4nf.com")
    api: Program = program_of(contoso.tenant)
    told = api.get(f"accepted-domains/{row.pk}/").json()["warnings"]
    assert [one["code"] for one in told] == ["domain.deceptive"]
    plain = AcceptedDomain.objects.get(domain="contoso.example")
    assert api.get(f"accepted-domains/{plain.pk}/").json()["warnings"] == []
    assert "looks like another" not in page(as_alice.get(f"/accepted-domains/{plain.pk}/"))
