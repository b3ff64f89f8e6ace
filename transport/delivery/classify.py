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
    "5.3": "peer.too_many_recipients",
    "6.3": "peer.no_8bit",
    "6.7": "peer.no_smtputf8",
    "7.8": "peer.auth",
    "7.9": "peer.auth",
    "7.20": "peer.authentication_results",
    "7.21": "peer.authentication_results",
    "7.22": "peer.authentication_results",
    "7.23": "peer.spf",
    "7.24": "peer.spf",
    "7.25": "peer.reverse_dns",
    "7.26": "peer.authentication_results",
    "7.27": "peer.sender_domain_not_found",
    "7.28": "peer.rate_limited",
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
    Phase.DATA: "peer.policy",
    Phase.FINAL: "peer.content",
}
# Words that large peers use where their codes are vague (X.7.1, X.0.0, none); the first that fits is the label.
_HINTS = tuple(
    (re.compile(pattern, re.IGNORECASE), label)
    for pattern, label in (
        (r"gr[ea]y-?list", "peer.greylist"),
        (r"sender address rejected: domain not found|sender domain .{0,80}not (?:exist|found)|"
         r"(?:domain of sender|sender'?s domain).{0,80}not (?:resolve|exist)", "peer.sender_domain_not_found"),
        (r"helo command rejected|\b(?:helo|ehlo)\b", "peer.helo"),
        (r"reverse (?:dns|hostname|address)|\bptr\b|cannot find your (?:hostname|reverse)|rdns", "peer.reverse_dns"),
        (r"\bspf\b", "peer.spf"),
        (r"\b(?:dkim|dmarc)\b", "peer.authentication_results"),
        (r"spamhaus|spamcop|(?:block|black) ?list|\b(?:dns|r)bl\b|blocked using|reputation", "peer.blocklist"),
        (r"relay(?:ing)? (?:access )?(?:denied|not (?:permitted|allowed))|unable to relay", "peer.relay_denied"),
        (r"(?:over|exceed\w*|out of) ?(?:the )?quota|mailbox (?:is )?full", "peer.mailbox_full"),
        (r"too many (?:connections|messages|errors)|rate limit|throttl", "peer.rate_limited"),
        (r"user unknown|unknown user|no such (?:user|recipient|mailbox)", "peer.recipient_unknown"),
        (r"\b(?:starttls|tls)\b.{0,40}(?:required|first|must)|must issue a starttls", "peer.tls"),
        (r"authentication required|authenticate", "peer.auth"),
        (r"try (?:again )?later", "peer.busy"),
    )
)  # fmt: skip
_HINT_LENGTH = 500


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
    if label := _BY_DETAIL.get(detail):
        return _refined(label, text)
    if label := _hinted(text):
        return label
    return _by_code(phase, code, detail)


def _refined(label: str, text: str) -> str:
    """A greylist may call itself anything; the rest of the precise codes stand."""
    return "peer.greylist" if label in ("peer.busy", "peer.recipient_unknown") and _HINTS[0][0].search(text) else label


def _hinted(text: str) -> str | None:
    return next((label for pattern, label in _HINTS if pattern.search(text)), None)


def _by_code(phase: Phase, code: int, detail: str) -> str:
    if phase is Phase.CONNECT:
        return _BY_PHASE[phase]
    if code == 421 or (code == 451 and phase is not Phase.HELO):
        return "peer.busy"
    if code == 452 or detail.startswith("3."):
        return "peer.too_many_recipients" if code == 452 and phase is Phase.RCPT else "peer.busy"
    if code == 552:
        return "peer.too_large" if phase in (Phase.MAIL, Phase.DATA, Phase.FINAL) else "peer.mailbox_full"
    if code in (530, 534, 535, 538):
        return "peer.auth"
    if code in (500, 501, 502, 503, 555):
        return _BY_PHASE[phase] if phase in (Phase.HELO, Phase.STARTTLS, Phase.AUTH) else "peer.protocol"
    if detail.startswith("7."):
        return _BY_PHASE[phase] if phase in (Phase.HELO, Phase.STARTTLS, Phase.AUTH) else "peer.policy"
    if detail.startswith("6."):
        return "peer.content"
    if code == 550 and phase is Phase.RCPT:
        return "peer.recipient_unknown" if detail == "0" else "peer.recipient_rejected"
    return _BY_PHASE.get(phase, "peer.protocol")
