"""Reasons why a change of domains, mailboxes, users or tenants is refused; none of them shows in SMTP."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import ADD_DOMAIN, EDIT_DNS, VERIFY_DOMAIN, Fix, Reason, Side
from transport.routing.wording import gettext_noop as _


def _invalid(code: str, title: str, explanation: str, *fixes: Fix) -> Reason:
    return Reason(code, Side.TENANT, title, explanation, fixes)


DOMAINS: Final = (
    _invalid(
        "domain.invalid",
        _("Not a domain name"),
        _("“{domain}” is not a valid domain name. {why} Write it like contoso.com, without a host or a scheme."),
    ),
    _invalid(
        "domain.taken",
        _("The domain is in use elsewhere"),
        _(
            "{domain} is already verified by another organisation on this platform, and a domain has one owner. If it "
            "is yours, ask the operator; whoever controls its DNS can prove it."
        ),
    ),
    _invalid(
        "domain.deceptive",
        _("The name looks like another"),
        _(
            "“{label}” in {domain} mixes letters of several scripts, or is made of letters that look like Latin ones. "
            "People cannot tell it from another name, and many mail systems distrust it. Make sure that it is meant."
        ),
    ),
    _invalid("domain.exists", _("The domain is there already"), _("{domain} is already an accepted domain of yours.")),
    _invalid(
        "domain.name_exists",
        _("The name is in use"),
        _("Another accepted domain has the name “{name}”. Choose another."),
    ),
    _invalid(
        "domain.invalid_type",
        _("Not a type of accepted domain"),
        _("The types are authoritative, internal_relay and external_relay."),
    ),
    _invalid(
        "domain.immutable",
        _("A domain's name cannot be changed"),
        _("Addresses and routes hang on it. Add the new domain, move the addresses, then remove the old one."),
    ),
    _invalid(
        "domain.not_verified",
        _("{domain} is not verified"),
        _(
            "We have not seen the proof that it is yours, so mail from outside is not taken for it and it cannot be a "
            "reply address on the Internet. Publish the TXT record and verify it."
        ),
        VERIFY_DOMAIN,
    ),
    _invalid(
        "domain.verification_missing",
        _("The proof was not found in DNS"),
        _(
            "The TXT record {record_name} with the value {record_value} was not seen. If you just published it, wait a "
            "few minutes and verify again."
        ),
        EDIT_DNS,
    ),
    _invalid(
        "domain.verification_unavailable",
        _("DNS could not be asked"),
        _("The look-up of {record_name} failed, which says nothing about your record. Try again in a minute."),
        VERIFY_DOMAIN,
    ),
    _invalid(
        "domain.in_use",
        _("The domain is in use"),
        _("{addresses} addresses are on {domain}. Move or remove them first, or their owners would stop getting mail."),
    ),
    _invalid(
        "domain.default_needed",
        _("One domain has to be the default"),
        _("Exactly one accepted domain is the default. Make another one the default first."),
    ),
    _invalid(
        "address.domain_not_accepted",
        _("{domain} is not an accepted domain"),
        _("Addresses can only be on accepted domains. Add {domain} first."),
        ADD_DOMAIN,
    ),
    _invalid(
        "domain.external_relay",
        _("{domain} holds no mailboxes"),
        _("An external relay domain has all its mailboxes elsewhere. Change its type, or use another domain."),
    ),
)

MAILBOXES: Final = (
    _invalid("address.invalid", _("Not an address"), _("“{address}” is not a valid address. {why}")),
    _invalid(
        "address.taken",
        _("The address is in use"),
        _("{address} already belongs to another mailbox. An address leads to one mailbox only."),
    ),
    _invalid(
        "address.reserved",
        _("The address is reserved"),
        _("postmaster and abuse answer for every domain and lead to the designated mailbox."),
    ),
    _invalid(
        "send_as.no_mailbox",
        _("{address} is no mailbox here"),
        _("Send As is given to mailboxes of the same organisation; name one by any of its addresses."),
    ),
    _invalid(
        "send_as.itself",
        _("A mailbox may always send as itself"),
        _("{address} is an address of this very mailbox; nothing has to be granted."),
    ),
    _invalid(
        "send_as.too_many",
        _("Too many may send as this mailbox"),
        _("At most {limit} mailboxes may send as “{mailbox}”. Remove some first."),
    ),
    _invalid("mailbox.no_name", _("The mailbox has no name"), _("Give it a display name: recipients see it.")),
    _invalid(
        "mailbox.no_primary",
        _("The mailbox has no reply address"),
        _("Exactly one address of a mailbox is its reply address; mark one."),
    ),
    _invalid(
        "mailbox.two_primaries",
        _("More than one reply address"),
        _("Exactly one address of a mailbox is its reply address; mark only one."),
    ),
    _invalid(
        "mailbox.no_address", _("The mailbox has no address"), _("A mailbox without an address could get no mail.")
    ),
    _invalid("mailbox.invalid_quota", _("The quota is out of range"), _("{quota} is not a possible quota. {why}")),
    _invalid(
        "app_password.no_name", _("The program has no name"), _("Say what it is for: you will know it again by it.")
    ),
    _invalid(
        "app_password.not_yours",
        _("Its user has more rights than you"),
        _("“{mailbox}” is of somebody who may do more here than you. They make their app passwords themselves."),
    ),
    _invalid(
        "app_password.too_many",
        _("Too many app passwords"),
        _("“{mailbox}” has {limit} already. Revoke those that nothing uses any more."),
    ),
    _invalid(
        "user.weak_password",
        _("The password is too easy to guess"),
        _("The whole Internet may try it. {why}"),
    ),
    _invalid("user.email_taken", _("The log-in is in use"), _("Another user logs in with {email}.")),
    _invalid(
        "user.has_log_in",
        _("The mailbox has a log-in already"),
        _("{email} reads and writes its mail. Take that log-in away before you give it another."),
    ),
    _invalid(
        "user.not_a_member",
        _("Not somebody of this organisation"),
        _("{email} does not belong to this organisation, so no mailbox of it can be theirs."),
    ),
    _invalid(
        "user.not_resettable",
        _("This password is its owner's own"),
        _("{email} may do more than read this mail, here or elsewhere, so nobody here sets its password."),
    ),
    _invalid(
        "user.last_owner",
        _("The last owner cannot go"),
        _("An organisation needs an owner. Make somebody else an owner first."),
    ),
)

TENANTS: Final = (
    _invalid("tenant.slug_taken", _("The short name is in use"), _("Another organisation has the short name {slug}.")),
    _invalid(
        "tenant.invalid_slug",
        _("Not a short name"),
        _("“{slug}” cannot be a short name: use lower-case letters, digits and hyphens, starting with a letter."),
    ),
    _invalid(
        "tenant.invalid_time_zone", _("Not a time zone"), _("“{time_zone}” is no time zone; write Europe/Berlin.")
    ),
    _invalid("tenant.invalid_language", _("Not a language here"), _("“{language}” is none of: {known}.")),
    _invalid(
        "tenant.invalid_expiry", _("The expiry is out of range"), _("Messages expire after 5 seconds to 90 days.")
    ),
    _invalid(
        "tenant.invalid_delay_notice",
        _("The delay notice is out of range"),
        _("The notice of a delay goes out some time after the message came, not before."),
    ),
    _invalid(
        "tenant.invalid_limit", _("The limit is out of range"), _("{value} is not possible; it goes from 0 to {high}.")
    ),
    _invalid(
        "tenant.delay_after_expiry",
        _("The delay notice would come too late"),
        _("The notice of a delay must go out before the message expires. Choose a shorter time for the notice."),
    ),
    _invalid("plan.name_exists", _("The name is taken"), _("There is a plan “{plan}” already.")),
    _invalid(
        "plan.invalid_weight",
        _("The share of the workers is out of its reach"),
        _("{value} is no share. It is a whole number from 1 to {high}: how many turns for each one of a tenant of 1."),
    ),
    _invalid(
        "plan.default_needed",
        _("One plan is the default"),
        _("“{plan}” is for tenants that have been given no other. Make another plan the default first."),
    ),
    _invalid(
        "plan.in_use", _("Tenants have this plan"), _("{tenants} tenants have the plan “{plan}”. Move them first.")
    ),
    _invalid(
        "limits.domains",
        _("The plan's limit of domains is reached"),
        _(
            "{limit} accepted domains are allowed to your organisation (plan “{plan}”), and it has them. Remove one, "
            "or ask the operator of the platform for a higher limit."
        ),
    ),
    _invalid(
        "limits.mailboxes",
        _("The plan's limit of mailboxes is reached"),
        _(
            "{limit} mailboxes are allowed to your organisation (plan “{plan}”), and it has them. Remove one, or ask "
            "the operator of the platform for a higher limit."
        ),
    ),
)

REASONS: Final = DOMAINS + MAILBOXES + TENANTS
