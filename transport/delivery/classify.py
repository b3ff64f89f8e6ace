"""Sorts a peer's refusal into a reason code. Codes decide; the peer's words only refine the label, never a retry."""

from __future__ import annotations

import re
from functools import lru_cache

from transport.delivery.outcome import Phase
from transport.message.reply import Reply

# Enhanced status without its class digit (RFC 3463, RFC 5248 registry), where it says enough by itself.
_BY_DETAIL = {
    "1.0": "peer.recipient_unknown",
    "1.1": "peer.recipient_unknown",
    "1.2": "peer.recipient_unknown",
    "1.3": "peer.address_syntax",
    "1.6": "peer.recipient_unknown",
    "1.7": "peer.sender_rejected",
    "1.8": "peer.sender_domain_not_found",
    "1.10": "peer.null_mx",
    "2.1": "peer.mailbox_disabled",
    "2.2": "peer.mailbox_full",
    "2.3": "peer.too_large",
    "3.1": "peer.busy",
    "3.2": "peer.busy",
    "3.4": "peer.too_large",
    "4.5": "peer.busy",
    "4.6": "peer.loop",
    "4.14": "peer.loop",
    "5.3": "peer.too_many_recipients",
    "6.3": "peer.no_8bit",
    "6.7": "peer.no_smtputf8",
    "7.8": "peer.auth",
    "7.20": "peer.authentication_results",
    "7.21": "peer.authentication_results",
    "7.22": "peer.authentication_results",
    "7.23": "peer.spf",
    "7.24": "peer.spf",
    "7.25": "peer.reverse_dns",
    "7.26": "peer.authentication_results",
    "7.27": "peer.sender_domain_not_found",
    "7.28": "peer.rate_limited",
    "7.29": "peer.tls",
    "7.30": "peer.tls",
    # Exchange: groups and mailboxes that take mail from some senders only.
    "7.124": "peer.recipient_rejected",
    "7.133": "peer.recipient_rejected",
    "7.134": "peer.recipient_rejected",
    "7.135": "peer.recipient_rejected",
    "7.136": "peer.recipient_rejected",
}
# By phase, when the code says no more than yes or no.
_BY_PHASE = {
    Phase.CONNECT: "peer.unreachable",
    Phase.GREETING: "peer.greeting",
    Phase.HELO: "peer.helo",
    Phase.STARTTLS: "peer.tls",
    Phase.AUTH: "peer.auth",
    Phase.MAIL: "peer.sender_rejected",
    Phase.RCPT: "peer.recipient_rejected",
}
_Words = tuple[tuple[re.Pattern[str], str], ...]


def _words(*pairs: tuple[str, str]) -> _Words:
    return tuple((re.compile(pattern, re.IGNORECASE), label) for pattern, label in pairs)


_GREYLIST = re.compile(r"gr[ea]y-?list", re.IGNORECASE)
# Words that say more than the enhanced code beside them, which large peers use in ways of their own: Gmail's X.2.1 and
# X.7.27, Exchange's X.1.8, X.1.10 and X.7.1, Postfix's X.1.0. The first that fits is the label.
_SURE = _words(
    (r"sender address rejected: domain not found|sender domain .{0,80}not (?:exist|found)|"
     r"(?:domain of sender|sender'?s domain).{0,80}not (?:resolve|exist)", "peer.sender_domain_not_found"),
    (r"sender address rejected|bad outbound sender|sender verify|verification failed for|(?:address|from) .{0,40}not "
     r"(?:match a )?verified|permissions? to send as", "peer.sender_rejected"),
    (r"recipientnotfound|recipient not found by|no mailbox here|tried to reach (?:does not|doesn'?t) exist|"
     r"doesn'?t have an? \S{1,40} account", "peer.recipient_unknown"),
    (r"resolver\.rst\.|delivery restriction|restricted to authenticated senders", "peer.recipient_rejected"),
    (r"\b(?:dkim|dmarc)\b.{0,80}(?:not pass|fail|invalid)", "peer.authentication_results"),
    (r"\bspf\b.{0,80}(?:not pass|fail|invalid)", "peer.spf"),
    (r"reverse (?:dns|hostname|address)|\bptr\b|cannot find your (?:hostname|reverse)|rdns", "peer.reverse_dns"),
    (r"rate[ -]?limit|throttl|receiving mail at a rate|unusual rate|unexpected volume|this hour|credits exceeded|"
     r"too many (?:\w+ ){0,3}(?:connections|messages|errors)|maximum number of concurrent|"
     r"\b(?:sending|daily|hourly)\b.{0,30}(?:limit|quota|rate) exceeded", "peer.rate_limited"),
)  # fmt: skip
# Words that large peers use where their codes are vague (X.7.1, X.0.0, none).
_HINTS = _words(
    (r"helo command rejected|\b(?:helo|ehlo) (?:name|command|host|argument|\S{1,80} (?:does|is|has|rejected))|"
     r"(?:invalid|bad|your) (?:helo|ehlo)", "peer.helo"),
    (r"\bspf\b", "peer.spf"),
    (r"\b(?:dkim|dmarc)\b|required authentication level", "peer.authentication_results"),
    (r"spamhaus|spamcop|(?:block|black) ?list|\b(?:dns|r)bl\b|blocked using|reputation|banned|ipcheck\.proofpoint|"
     r"traffic not accepted from this ip", "peer.blocklist"),
    (r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:permitted|allowed))|unable to relay|allowed rcpthosts",
     "peer.relay_denied"),
    (r"(?:over|exceed\w*|out of) ?(?:the |its )?(?:quota|storage)|quota ?exceeded|mailbox (?:is )?full",
     "peer.mailbox_full"),
    (r"mailbox (?:is )?(?:disabled|inactive)|account (?:is |has been )?(?:disabled|suspended)",
     "peer.mailbox_disabled"),
    (r"user unknown|unknown user|no such (?:user|recipient|mailbox|person)|mailbox not found|"
     r"user (?:does not|doesn'?t) exist", "peer.recipient_unknown"),
    (r"\bvirus\b|infected|malware|eicar|potential security issue", "peer.malware"),
    (r"spam|unsolicited|likely suspicious|\bjunk\b", "peer.spam"),
    (r"hop count exceeded|too many hops|mail loop", "peer.loop"),
    (r"rfc ?(?:5322|2822|822)\b|line (?:is )?too long|line length|syntax check|bare ?(?:lf|line ?feed)|"
     r"content (?:restriction|filter|polic)", "peer.content"),
    (r"\b(?:starttls|tls)\b.{0,40}(?:required|first|must)|must issue a starttls|over a tls connection", "peer.tls"),
    (r"authentication required|authenticate", "peer.auth"),
    (r"administrative prohibition|local policy|policy (?:reasons?|violation)|security polic|not authorized",
     "peer.policy"),
    (r"synchroni[sz]ation error|bad sequence", "peer.protocol"),
    (r"try (?:again )?later|server busy", "peer.busy"),
)  # fmt: skip
_MALWARE_OR_SPAM = frozenset({"peer.malware", "peer.spam"})
_HINT_LENGTH = 500
_OPENING = frozenset({Phase.HELO, Phase.STARTTLS, Phase.AUTH})


def classify(phase: Phase, reply: Reply) -> str:
    """Return the reason code of a reply that is no success; a 2xx is `peer.accepted`."""
    return _classify(phase, reply.code, reply.enhanced, reply.text[:_HINT_LENGTH])


@lru_cache(maxsize=512)
def _classify(phase: Phase, code: int, enhanced: str | None, text: str) -> str:
    if 200 <= code < 300:
        return "peer.accepted"
    if not 400 <= code < 600:
        return "peer.protocol"
    detail = enhanced.partition(".")[2] if enhanced else "0"
    # A sentence may go over several lines of the reply.
    words = text.replace("\n", " ")
    if code < 500 and _GREYLIST.search(words):
        return "peer.greylist"
    return _found(_SURE, words) or _by_detail(phase, detail) or _hinted(code, words) or _by_code(phase, code, detail)


def _found(patterns: _Words, text: str) -> str | None:
    return next((label for pattern, label in patterns if pattern.search(text)), None)


def _by_detail(phase: Phase, detail: str) -> str | None:
    # X.1.0 is about some address: after MAIL it is the sender's.
    return None if detail == "1.0" and phase is not Phase.RCPT else _BY_DETAIL.get(detail)


def _hinted(code: int, text: str) -> str | None:
    label = _found(_HINTS, text)
    # A filter that is only busy judges nothing.
    return None if label in _MALWARE_OR_SPAM and code < 500 else label


def _by_code(phase: Phase, code: int, detail: str) -> str:
    if phase is Phase.CONNECT:
        return _BY_PHASE[phase]
    if code == 421 or (code == 451 and phase is not Phase.HELO):
        return "peer.busy"
    if code == 452 or detail.startswith("3."):
        return "peer.too_many_recipients" if code == 452 and phase is Phase.RCPT else "peer.busy"
    if code in (530, 534, 535, 538):
        return "peer.auth"
    if detail.startswith("7."):
        return _BY_PHASE[phase] if phase in _OPENING else "peer.policy"
    if code == 552:
        return "peer.too_large" if phase in (Phase.MAIL, Phase.DATA, Phase.FINAL) else "peer.mailbox_full"
    if code in (500, 501, 502, 503, 555):
        return _BY_PHASE[phase] if phase in _OPENING else "peer.protocol"
    if detail.startswith("6."):
        return "peer.content"
    if code == 550 and phase is Phase.RCPT:
        return "peer.recipient_unknown" if detail == "0" else "peer.recipient_rejected"
    return _vague(phase, code)


def _vague(phase: Phase, code: int) -> str:
    """Nothing but the phase to go by; of content, and of who is only put off, not even that says much."""
    label = _BY_PHASE.get(phase)
    if label is None or (phase is Phase.RCPT and code < 500):
        return "peer.temporary" if code < 500 else "peer.permanent"
    return label
