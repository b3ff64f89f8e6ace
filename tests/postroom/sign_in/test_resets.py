from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client

from postroom.sign_in.tasks import send_password_resets
from tenants.models import PasswordResetRequest, User
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from tests.postroom.sign_in.conftest import App, SignInAs
from transport.models import Message, MessageBody

NEW = "purple monkey dishwasher"


def ask(client: Client, email: str, address: str = "192.0.2.1") -> bytes:
    answer = client.post("/account/reset/", {"email": email}, REMOTE_ADDR=address, follow=True)
    assert answer.redirect_chain == [("/account/reset/asked/", 302)]
    return answer.content


def letters() -> list[str]:
    messages = Message.objects.filter(subject="Set a new password", incoming=True)
    return [bytes(MessageBody.objects.get(pk=row.pk).content).decode() for row in messages]


def link_in(letter: str) -> str:
    found = re.search(r"http\S+/account/reset/\S+", letter.replace("=\r\n", ""))
    assert found
    return urlsplit(found[0]).path


def set_password(client: Client, link: str) -> None:
    form = client.get(link).headers["Location"]
    answer = client.post(form, {"new_password1": NEW, "new_password2": NEW})
    assert answer.headers["Location"] == "/account/reset/done/"


def test_the_letter_leads_to_a_new_password_that_ends_all_sessions(
    contoso: Contoso, client: Client, sign_in: SignInAs
) -> None:
    sign_in()
    browser = Client()
    ask(browser, " Alice@contoso.example ")
    send_password_resets()
    (letter,) = letters()
    set_password(browser, link_in(letter))
    assert client.get("/account/").status_code == 302
    assert sign_in(password=NEW, by=Client()).status_code == 302
    assert "has been used" in page(Client().get(link_in(letter)))


def test_the_answer_and_the_work_are_the_same_for_an_unknown_address(contoso: Contoso) -> None:
    known, unknown = ask(Client(), "alice@contoso.example"), ask(Client(), "nobody@contoso.example")
    assert known == unknown
    assert PasswordResetRequest.objects.count() == 2
    send_password_resets()
    assert len(letters()) == 1
    assert not PasswordResetRequest.objects.exists()


def test_a_locked_user_gets_no_letter(contoso: Contoso, client: Client) -> None:
    User.objects.filter(pk=contoso.alice.pk).update(is_active=False)
    ask(client, "alice@contoso.example")
    send_password_resets()
    assert not letters()


def test_nobodys_mailbox_is_flooded(contoso: Contoso, client: Client) -> None:
    pages = {ask(client, "alice@contoso.example", f"192.0.2.{host}") for host in range(10)}
    assert len(pages) == 1
    assert PasswordResetRequest.objects.count() == 3


def test_one_place_cannot_ask_for_everybody(contoso: Contoso, client: Client) -> None:
    for number in range(30):
        ask(client, f"person-{number}@contoso.example")
    assert PasswordResetRequest.objects.count() == 20


def test_a_reset_is_no_way_around_the_second_factor(
    contoso: Contoso, with_app: App, sign_in: SignInAs, client: Client
) -> None:
    browser = Client()
    ask(browser, "alice@contoso.example")
    send_password_resets()
    set_password(browser, link_in(letters()[0]))
    assert sign_in(password=NEW, by=browser).headers["Location"] == "/account/second-step/"


@pytest.mark.parametrize("host", ["evil.example"])
def test_the_link_leads_here_whatever_host_was_named(contoso: Contoso, client: Client, host: str) -> None:
    client.post("/account/reset/", {"email": contoso.alice.email}, headers={"host": host})
    send_password_resets()
    assert host not in letters()[0]


def test_the_new_password_has_to_be_a_good_one(contoso: Contoso, client: Client) -> None:
    ask(client, "alice@contoso.example")
    send_password_resets()
    form = client.get(link_in(letters()[0])).headers["Location"]
    assert "too short" in page(client.post(form, {"new_password1": "short", "new_password2": "short"}))
    assert User.objects.get(pk=contoso.alice.pk).check_password(factories.PASSWORD)
