"""The fields of the test of a client, which console and admin share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.models import Tenant
from tenants.problems import Problem
from transport.actions.clients import ClientTest, listening_ports, try_client
from transport.actions.receive_connectors import fingerprint_of

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
    certificate = forms.CharField(
        label=_("Certificate that it shows"),
        required=False,
        max_length=20_000,
        help_text=_("The SHA-256 of it or of its public key. Empty: it shows none."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    sender = forms.CharField(label=_("Sends as"), required=False, max_length=320, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ports: dict[int, str] = {}
        for binding in listening_ports():
            ports.setdefault(binding.port, str(binding))
        self.fields["port"].choices = list(ports.items())  # type: ignore[attr-defined]

    def clean_certificate(self) -> str:
        """Return the fingerprint in its stored form."""
        text = self.cleaned_data["certificate"].strip()
        try:
            return fingerprint_of(text) if text else ""
        except Problem:
            raise forms.ValidationError(_("This names no certificate: 64 hexadecimal digits do.")) from None

    def answer(self, tenant: Tenant | None) -> ClientTest:
        """Ask, as a tenant or, without one, as an operator; the form is valid."""
        data = self.cleaned_data
        return try_client(
            tenant=tenant,
            address=data["address"],
            port=data["port"],
            user=data["user"].strip(),
            sender=data["sender"].strip(),
            certificate=data["certificate"],
        )
