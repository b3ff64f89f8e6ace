"""The fields of the test of a client, which console and admin share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.models import Tenant
from transport.actions.clients import ClientTest, listening_ports, try_client

PLAIN = {"autocapitalize": "none", "spellcheck": "false"}


class ClientFields(forms.Form):
    """Who would come, and where."""

    address = forms.GenericIPAddressField(label=_("Its address"), help_text=_("The IP address that it comes from."))
    port = forms.TypedChoiceField(label=_("Listener"), coerce=int, required=False, empty_value=None)
    user = forms.CharField(
        label=_("Logs in as"),
        required=False,
        max_length=320,
        help_text=_("A mailbox's address or a relay permission's user name. Empty: it does not log in."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    sender = forms.CharField(label=_("Sends as"), required=False, max_length=320, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ports: dict[int, str] = {}
        for binding in listening_ports():
            ports.setdefault(binding.port, str(binding))
        self.fields["port"].choices = list(ports.items())  # type: ignore[attr-defined]

    def answer(self, tenant: Tenant | None) -> ClientTest:
        """Ask, as a tenant or, without one, as an operator; the form is valid."""
        data = self.cleaned_data
        return try_client(
            tenant=tenant,
            address=data["address"],
            port=data["port"],
            user=data["user"].strip(),
            sender=data["sender"].strip(),
        )
