"""What can go wrong with a look-up, typed: transient or permanent, with a reason code and Exchange's words for it."""

from __future__ import annotations

from enum import StrEnum

from transport.message.reply import Reply


class TemporaryKind(StrEnum):
    """Why a name server gave us nothing to go by; RFC 5321 5.1 asks to queue and retry in each case."""

    TIMEOUT = "timeout"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    BAD_ANSWER = "bad_answer"
    CNAME_LOOP = "cname_loop"


_EXCHANGE_WORDS = {
    TemporaryKind.TIMEOUT: "ErrorTimeout; no name server answered in time",
    TemporaryKind.SERVFAIL: "ServerFailure; the name server reported a failure",
    TemporaryKind.REFUSED: "Refused; the name server refused the query",
    TemporaryKind.UNREACHABLE: "ErrorRetry; no name server could be reached",
    TemporaryKind.BAD_ANSWER: "InvalidData; the name server's answer was not usable",
    TemporaryKind.CNAME_LOOP: "InvalidData; the aliases of this name lead nowhere or in a circle",
}


class DnsFailure(Exception):
    """A look-up that leaves the message without a next hop."""

    permanent = True
    reason_code = "dns.failed"

    def __init__(self, domain: str, reply: Reply) -> None:
        super().__init__(f"{domain}: {reply}")
        self.domain = domain
        self.reply = reply


class DnsTemporary(DnsFailure):
    """The question stays open: try again later."""

    permanent = False

    def __init__(self, domain: str, kind: TemporaryKind) -> None:
        super().__init__(domain, Reply(451, "4.4.0", _query_failed(_EXCHANGE_WORDS[kind])))
        self.kind = kind
        self.reason_code = f"dns.{kind}"


class NoSuchDomain(DnsFailure):
    """The domain does not exist (NXDOMAIN)."""

    reason_code = "dns.no_such_domain"

    def __init__(self, domain: str) -> None:
        super().__init__(domain, Reply(550, "5.1.2", _query_failed("NonExistentDomain; nonexistent domain")))


class InvalidName(DnsFailure):
    """The name cannot exist in DNS: an empty or overlong label, or characters no host name has."""

    reason_code = "dns.invalid_name"

    def __init__(self, domain: str) -> None:
        super().__init__(domain, Reply(550, "5.1.2", _query_failed("InvalidData; not a valid domain name")))


class NullMx(DnsFailure):
    """The domain says that it takes no mail (RFC 7505)."""

    reason_code = "dns.null_mx"

    def __init__(self, domain: str) -> None:
        super().__init__(domain, Reply(556, "5.1.10", f"The domain {domain} accepts no mail (null MX)"))


class NoMailHost(DnsFailure):
    """The domain exists, but neither it nor any of its mail hosts has an address."""

    reason_code = "dns.no_mail_host"

    def __init__(self, domain: str) -> None:
        super().__init__(domain, Reply(550, "5.4.4", _query_failed("NoRecords; the domain has no mail host")))


class NoSmartHost(DnsFailure):
    """No smart host of a connector can be found: a slip in the connector, for which no mail is to come back."""

    permanent = False
    reason_code = "hop.no_endpoint"

    def __init__(self, domain: str, cause: DnsFailure) -> None:
        super().__init__(
            domain, Reply(451, "4.4.4", f"No smart host could be found: {cause.domain}: {cause.reply.text}")
        )


class MailLoop(DnsFailure):
    """The best mail host of the domain is this system, which does not handle the domain (RFC 5321 5.1)."""

    reason_code = "dns.loops_to_us"

    def __init__(self, domain: str) -> None:
        words = "MxLoopback; DNS records for this domain lead back to this system"
        super().__init__(domain, Reply(554, "5.4.6", _query_failed(words)))


def _query_failed(error: str) -> str:
    return f"DNS query failed. The error was: SMTPSEND.DNS.{error}"
