"""Send connectors: by which way mail leaves for which addresses."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from typing_extensions import override

from postroom.console.forms import ConsoleForm
from postroom.console.previews import Told, preview, wants_preview
from postroom.console.requests import ConsoleRequest, actor_of, needs, redirect_back, tenant_of
from postroom.explain import explain_problem
from postroom.paging import paginate
from tenants.access import one
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import send_connectors
from transport.actions.send_connectors import (
    HostInput,
    SpaceInput,
    change_send_connector,
    create_internet_connector,
    create_send_connector,
    delete_send_connector,
)
from transport.models import SendConnector

MEGABYTE = 1024 * 1024
ROUTINGS = [
    (SendConnector.Routing.DNS, gettext_lazy("To each recipient's own server, as its MX record says")),
    (SendConnector.Routing.SMART_HOSTS, gettext_lazy("Through a smart host, which delivers for us")),
]
TLS = [
    (SendConnector.Tls.OPPORTUNISTIC, gettext_lazy("When the peer offers it")),
    (SendConnector.Tls.REQUIRED, gettext_lazy("Always, or the mail waits; any certificate will do")),
    (SendConnector.Tls.CERTIFICATE, gettext_lazy("Always, with a valid certificate")),
    (SendConnector.Tls.DOMAIN, gettext_lazy("Always, with a valid certificate for the right name")),
    (SendConnector.Tls.NONE, gettext_lazy("Never")),
]
PROTOCOLS = [
    (SendConnector.Protocol.SMTP, gettext_lazy("SMTP")),
    (SendConnector.Protocol.LMTP, gettext_lazy("LMTP: the smart host is a mail store, with an answer per recipient")),
]


# What stays as it is, or as it begins, where a form does not say.
UNSAID = {
    "protocol": "protocol",
    "max_connections_per_host": "max_connections_per_host",
    "max_messages_per_connection": "max_messages_per_connection",
    "connect_seconds": "connect_timeout",
    "idle_seconds": "connection_inactivity_timeout",
}


class ConnectorForm(ConsoleForm):
    """One page with the defaults that most want; lines of text stand for the lists."""

    problem_fields = {
        "address_spaces": "spaces",
        "smart_hosts": "hosts",
        "domain": "fqdn",
        "max_message_size": "max_size_mb",
        "connect_timeout": "connect_seconds",
        "connection_inactivity_timeout": "idle_seconds",
    }

    name = forms.CharField(label=gettext_lazy("Name"), max_length=64)
    spaces = forms.CharField(
        label=gettext_lazy("Addresses it takes"),
        widget=forms.Textarea(attrs={"rows": 3, "class": "font-monospace", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One a line: * for every address, contoso.com for that domain, *.contoso.com for it and all below. A "
            "number behind it is the cost; of two that fit equally well, the lower one wins."
        ),
    )
    routing = forms.ChoiceField(label=gettext_lazy("Where it brings them"), choices=ROUTINGS, widget=forms.RadioSelect)
    hosts = forms.CharField(
        label=gettext_lazy("Smart hosts"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "font-monospace", "spellcheck": "false"}),
        help_text=gettext_lazy("One a line: a name or an address, with :port where it is not the usual one."),
    )
    fqdn = forms.CharField(
        label=gettext_lazy("Name we give to the peer (EHLO)"),
        max_length=253,
        required=False,
        help_text=gettext_lazy("It should exist in DNS and lead to our sending address."),
    )
    enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False)
    protocol = forms.ChoiceField(label=gettext_lazy("Protocol"), choices=PROTOCOLS, required=False)
    tls = forms.ChoiceField(label=gettext_lazy("Encryption (TLS)"), choices=TLS)
    tls_domain = forms.CharField(
        label=gettext_lazy("Name in the certificate"),
        max_length=253,
        required=False,
        help_text=gettext_lazy("Empty: the smart host's own, or by MX the recipient's domain."),
    )
    port = forms.IntegerField(label=gettext_lazy("Port"), min_value=1, max_value=65535)
    auth = forms.ChoiceField(label=gettext_lazy("Log-in at the smart host"), choices=SendConnector.Auth.choices)
    username = forms.CharField(label=gettext_lazy("User name"), max_length=255, required=False)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Empty: as it is."),
    )
    source_address = forms.GenericIPAddressField(
        label=gettext_lazy("Source address"),
        required=False,
        help_text=gettext_lazy("Empty: whatever the system uses."),
    )
    max_size_mb = forms.IntegerField(
        label=gettext_lazy("Message size at most, MB"),
        required=False,
        min_value=1,
        max_value=2047,
        help_text=gettext_lazy("Empty: unlimited."),
    )
    max_connections_per_host = forms.IntegerField(
        label=gettext_lazy("Connections to a host at a time, at most"),
        required=False,
        min_value=1,
        max_value=20,
        help_text=gettext_lazy("The platform has at most 20 to one host, for all organisations together."),
    )
    max_messages_per_connection = forms.IntegerField(
        label=gettext_lazy("Messages per connection, at most"), required=False, min_value=1, max_value=1_000_000
    )
    connect_seconds = forms.IntegerField(
        label=gettext_lazy("Give connecting up after, seconds"), required=False, min_value=1, max_value=300
    )
    idle_seconds = forms.IntegerField(
        label=gettext_lazy("Give a silent peer up after, seconds"),
        required=False,
        min_value=1,
        max_value=86_400,
        help_text=gettext_lazy("None is waited for longer than RFC 5321 asks: some minutes."),
    )
    error_policies = forms.CharField(
        label=gettext_lazy("Errors that mean something else here"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "font-monospace", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One a line, the first that fits counts: “550 5.7.1 transient” goes on trying, “4xx 4.2.x permanent” gives "
            "up at once, “dns transient” waits for a domain that is not found. An x stands for any digit."
        ),
    )
    comment = forms.CharField(label=gettext_lazy("Comment"), max_length=255, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fqdn"].widget.attrs["placeholder"] = settings.POSTROOM_HOSTNAME

    def clean_spaces(self) -> list[SpaceInput]:
        return [_space(line) for line in self.cleaned_data["spaces"].splitlines() if line.strip()]

    def clean_hosts(self) -> list[HostInput]:
        return [_host(line) for line in self.cleaned_data["hosts"].splitlines() if line.strip()]

    def clean_error_policies(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["error_policies"].splitlines() if line.strip()]

    @override
    def clean(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    def changes(self) -> dict[str, Any]:
        """Return what goes to the action."""
        data = dict(self.cleaned_data)
        size = data.pop("max_size_mb")
        said = {UNSAID[name]: value for name in UNSAID if (value := data.pop(name))}
        for name in {"connect_timeout", "connection_inactivity_timeout"} & said.keys():
            said[name] = timedelta(seconds=said[name])
        password = data.pop("password")
        return {
            "address_spaces": data.pop("spaces"),
            "smart_hosts": data.pop("hosts"),
            **data,
            "source_address": data["source_address"] or None,
            "max_message_size": size * MEGABYTE if size else None,
            **said,
            **({"password": password} if password else {}),
        }


def _space(line: str) -> SpaceInput:
    """Read “*.contoso.com 5”, or Exchange's “SMTP:*.contoso.com;5”."""
    pattern, _sep, cost = line.replace(";", " ").strip().partition(" ")
    cost = cost.strip()
    if cost and not cost.isdigit():
        raise forms.ValidationError(_("“{line}”: the cost is a whole number from 1 to 100.").format(line=line.strip()))
    return SpaceInput(pattern, int(cost[:6] or 1))


def _host(line: str) -> HostInput:
    typed = line.strip()
    host, colon, port = typed.rpartition(":")
    if not colon or not port.isdigit() or (":" in host and not host.endswith("]")):
        return HostInput(typed)
    return HostInput(host, int(port[:6]))


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    page = paginate(request, send_connectors(request.membership.tenant_id), ["name", "id"])
    return render(request, "console/send_connectors/index.html", {"page": page})


@needs(Permission.CONFIGURE)
def create(request: ConsoleRequest) -> HttpResponse:
    start = {
        "name": _("Internet"),
        "spaces": request.GET.get("pattern", "*")[:255],
        "routing": SendConnector.Routing.DNS,
        "enabled": True,
        "tls": SendConnector.Tls.OPPORTUNISTIC,
        "port": 25,
        "auth": SendConnector.Auth.NONE,
        "max_size_mb": 36,
        **_limits(SendConnector()),
    }
    form = ConnectorForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        make = partial(create_send_connector, actor=actor_of(request), tenant=tenant_of(request), **form.changes())
        try:
            if wants_preview(request):
                return _form_page(request, form, None, preview(request, make))
            row = make()
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _created(row))
            return redirect("console:send-connectors")
    return _form_page(request, form, None)


@require_POST
@needs(Permission.CONFIGURE)
def create_internet(request: ConsoleRequest) -> HttpResponse:
    """Create the connector that most want, in one click: the fix of story A."""
    try:
        row = create_internet_connector(actor=actor_of(request), tenant=tenant_of(request))
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
    else:
        messages.success(request, _created(row))
    return redirect_back(request, reverse("console:send-connectors"))


def _created(row: SendConnector) -> str:
    return _("Send connector “{name}” is there. Mail that waited for it leaves by itself.").format(name=row.name)


@needs(Permission.VIEW)
def edit(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk)
    form = ConnectorForm(request.POST or None, initial=_initial(row))
    if request.method == "POST":
        return _save(request, row, form)
    return _form_page(request, form, row)


@needs(Permission.CONFIGURE)
def _save(request: ConsoleRequest, row: SendConnector, form: ConnectorForm) -> HttpResponse:
    if form.is_valid():
        change = partial(change_send_connector, actor=actor_of(request), connector=row, **form.changes())
        try:
            if wants_preview(request):
                effect = preview(request, change)
                return _form_page(request, form, _row(request, row.pk), effect)
            change()
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _("Saved. What waits is routed again."))
            return redirect_back(request, reverse("console:send-connectors"))
    return _form_page(request, form, row)


@require_POST
@needs(Permission.CONFIGURE)
def enable(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Switch a connector on, or off where the form says so."""
    wanted = request.POST.get("enabled", "1") == "1"
    row = change_send_connector(actor=actor_of(request), connector=_row(request, pk), enabled=wanted)
    done = _("“{name}” is enabled.") if wanted else _("“{name}” is disabled. What it had queued is routed again.")
    messages.success(request, done.format(name=row.name))
    return redirect_back(request, reverse("console:send-connectors"))


@require_POST
@needs(Permission.CONFIGURE)
def delete(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk)
    remove = partial(delete_send_connector, actor=actor_of(request), connector=row)
    if wants_preview(request):
        told = preview(request, remove)
        row = _row(request, pk)
        return _form_page(request, ConnectorForm(initial=_initial(row)), row, told, of_removal=True)
    remove()
    messages.success(request, _("“{name}” is removed. What it had queued is routed again.").format(name=row.name))
    return redirect("console:send-connectors")


def _row(request: ConsoleRequest, pk: UUID) -> SendConnector:
    return one(send_connectors(request.membership.tenant_id), pk)


def _initial(row: SendConnector) -> dict[str, Any]:
    names = ["name", "routing", "fqdn", "enabled", "tls", "tls_domain", "port", "auth", "username", "source_address"]
    spaces = [f"{space.pattern} {space.cost}" for space in row.address_spaces.all()]
    hosts = [f"{host.host}:{host.port}" if host.port else host.host for host in row.smart_hosts.all()]
    size = row.max_message_size
    lists = {
        "spaces": "\n".join(spaces),
        "hosts": "\n".join(hosts),
        "error_policies": "\n".join(row.error_policies),
    }
    plain = {name: getattr(row, name) for name in [*names, "comment"]}
    return plain | lists | _limits(row) | {"max_size_mb": size // MEGABYTE if size else None}


def _limits(row: SendConnector) -> dict[str, Any]:
    return {
        "protocol": row.protocol,
        "max_connections_per_host": row.max_connections_per_host,
        "max_messages_per_connection": row.max_messages_per_connection,
        "connect_seconds": int(row.connect_timeout.total_seconds()),
        "idle_seconds": int(row.connection_inactivity_timeout.total_seconds()),
    }


def _form_page(
    request: ConsoleRequest,
    form: ConnectorForm,
    row: SendConnector | None,
    effect: Told | None = None,
    *,
    of_removal: bool = False,
) -> HttpResponse:
    plain = {"name", "spaces", "routing", "hosts", "fqdn", "enabled"}
    context = {
        "form": form,
        "connector": row,
        "open_advanced": any(name not in plain for name in form.errors),
        "effect": effect,
        "of_removal": of_removal,
        # No page gives a password back.
        "types_again": effect is not None and form.is_bound and bool(form.cleaned_data["password"]),
    }
    return render(request, "console/send_connectors/form.html", context, status=422 if form.errors else 200)
