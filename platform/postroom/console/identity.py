"""Asking who it is once more, before what cannot be taken back lightly: a hand-over, a deletion."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest
from postroom.sign_in.adapters import AccountAdapter
from tenants.problems import Problem
from tenants.scope import no_tenant


class OwnPasswordForm(ConsoleForm):
    """Asks for one's own password once more; whoever has none is asked to have signed in lately instead."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=gettext_lazy("To be sure that it is you."),
    )

    def __init__(self, data: Any = None, *, has_password: bool) -> None:
        super().__init__(data)
        self.has_password = has_password
        if not has_password:
            del self.fields["password"]


def check_who_it_is(request: ConsoleRequest, password: str | None) -> None:
    """Refuse whoever does not know the password; None stands for somebody who has none and signed in otherwise.

    Wrong tries are counted with those at the sign-in page, which is no tenant's business. Raises a Problem.
    """
    door = AccountAdapter(request)
    if password is None:
        if door.is_reauthentication_required(app="account"):
            raise Problem("member.sign_in_again")
        return
    try:
        with no_tenant():
            is_right = door.reauthenticate(request.user, password)
    except ValidationError as error:
        raise Problem("member.too_many_tries", field="password", why=" ".join(error.messages)) from None
    if not is_right:
        raise Problem("member.wrong_password", field="password")
