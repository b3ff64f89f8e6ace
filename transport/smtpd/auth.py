"""Log-ins of mailbox users (RFC 4954): PLAIN (RFC 4616), LOGIN and SCRAM-SHA-256 against SCRAM verifiers; tokens.

A mailbox has its own password and any number of app passwords; what was typed says by its form and its first letters
which one verifier it can match. A name that nobody has costs the same work as a wrong password. A right one is
remembered for a few minutes, under a key that holds the verifier: a changed password is a different key.
"""

from __future__ import annotations

import asyncio
import binascii
import hmac
import secrets
from base64 import b64decode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from transport.authentication.app_passwords import as_app_password, prefix_of
from transport.authentication.bearer import BearerMessage
from transport.authentication.scram import dummy_verify, parse_verifier, verify
from transport.authentication.scram_exchange import ClientFirst, ScramExchange, stand_in
from transport.authentication.tokens import InvalidToken
from transport.message.address import Address, InvalidAddress, parse_address
from transport.smtpd.failed_log_ins import FailedLogIns
from transport.smtpd.identity import Identity
from transport.smtpd.link import Connection, Link
from transport.smtpd.throttle import Throttle
from transport.smtpd.uses import Uses

MAX_REMEMBERED: Final = 10_000
REMEMBERED_FOR: Final = 300.0
MAX_CANDIDATES: Final = 5

# Who is suspended may log in, and hears at MAIL why nothing can be sent; a 535 would look like a wrong password.
# Two organisations may both use exchange.local, so that one address can be several mailboxes: the password decides. Who
# has proved the domain comes first: others who claim it, in whatever number, keep nobody from logging in.
_QUERY: Final = """
SELECT m.id, m.tenant_id, coalesce(a.verifier, m.verifier), a.id
FROM tenants_emailaddress e
JOIN tenants_mailbox m ON m.id = e.mailbox_id
JOIN tenants_accepteddomain d ON d.id = e.accepted_domain_id
LEFT JOIN tenants_apppassword a ON a.mailbox_id = m.id AND a.prefix = %s AND a.revoked_at IS NULL
WHERE e.domain = %s AND e.local_key = %s AND (m.verifier <> '' OR a.id IS NOT NULL)
ORDER BY d.verified_at IS NULL, m.id LIMIT %s
"""
# SCRAM wants the salt before the client shows which of its passwords it has: all of the first mailbox of that name, its
# own first, where the domain is proved if it is anywhere. They share their salt, so that the client's one proof is held
# against each at the cost of a digest.
_SCRAM_QUERY: Final = """
SELECT m.id, m.tenant_id, v.verifier, v.id
FROM tenants_emailaddress e
JOIN tenants_mailbox m ON m.id = e.mailbox_id
JOIN tenants_accepteddomain d ON d.id = e.accepted_domain_id
JOIN LATERAL (
  SELECT m.verifier, NULL::uuid AS id WHERE m.verifier <> ''
  UNION ALL
  SELECT a.verifier, a.id FROM tenants_apppassword a WHERE a.mailbox_id = m.id AND a.revoked_at IS NULL
) v ON true
WHERE e.domain = %s AND e.local_key = %s
ORDER BY d.verified_at IS NULL, m.id, v.id NULLS FIRST LIMIT %s
"""
# A relay permission's log-in, whose name is no address. Its row looks like the others', without a mailbox.
_RELAY_QUERY: Final = """
SELECT id, tenant_id, verifier FROM transport_receiveconnector
WHERE user_name = %s AND verifier <> '' AND enabled AND tenant_id IS NOT NULL
"""
MAX_PASSWORDS: Final = 60
# A token vouches for a person, whose mailbox it has to be; somebody who may not sign in may not send either.
_PERSON_QUERY: Final = """
SELECT m.id, m.tenant_id
FROM tenants_emailaddress e
JOIN tenants_mailbox m ON m.id = e.mailbox_id
JOIN tenants_accepteddomain d ON d.id = e.accepted_domain_id
JOIN tenants_user u ON u.id = m.user_id
WHERE e.domain = %s AND e.local_key = %s AND u.email = %s AND u.is_active
ORDER BY d.verified_at IS NULL, m.id LIMIT 1
"""
_NAMED_QUERY: Final = """
SELECT m.id, m.tenant_id
FROM tenants_emailaddress e
JOIN tenants_mailbox m ON m.id = e.mailbox_id
JOIN tenants_accepteddomain d ON d.id = e.accepted_domain_id
WHERE e.domain = %s AND e.local_key = %s AND d.verified_at IS NOT NULL LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Account:
    tenant_id: UUID
    mailbox_id: UUID | None
    app_password_id: UUID | None = None
    relay_id: UUID | None = None  # a machine's, by the log-in of a relay permission


@dataclass(frozen=True, slots=True)
class ScramLogOn:
    """A SCRAM log-in under way; `accounts` are in the order of the exchange's verifiers, none for an unknown name."""

    exchange: ScramExchange
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    name: str
    password: str


def decode_response(text: str) -> str | None:
    """Return one base64 response of the client as text, or None."""
    try:
        return b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def plain_credentials(text: str) -> Credentials | None:
    """Read AUTH PLAIN's message: authorization identity, authentication identity, password."""
    decoded = decode_response(text)
    parts = decoded.split("\0") if decoded is not None else []
    # RFC 4616 2: to act for somebody else is not offered; naming oneself is.
    if len(parts) != 3 or parts[0] not in ("", parts[1]):
        return None
    return Credentials(parts[1], parts[2])


class Authenticator:
    def __init__(self, link: Link, identity: Identity | None = None) -> None:
        self._link = link
        self.identity = identity
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="auth")
        self._secret = secrets.token_bytes(32)
        self._remembered: dict[bytes, float] = {}
        self.uses, self.failures = Uses(), FailedLogIns()
        self.throttle = Throttle(lambda: asyncio.get_running_loop().time())

    async def check(self, credentials: Credentials, client_address: str) -> Account | None:
        """Return the account, or None; raises DatabaseAway."""
        account = _throttled(credentials.name)
        if "@" not in credentials.name:
            return await self._check_relay(credentials, account, client_address)
        app_password = as_app_password(credentials.password)
        candidates = await self._candidates(credentials.name, prefix_of(app_password))
        await asyncio.sleep(self.throttle.delay(account, client_address))
        found = None
        if not self.throttle.is_locked(account, client_address):
            found = await self._verified(credentials.password, app_password, candidates)
        return self._noted(found, account, client_address)

    async def _check_relay(self, credentials: Credentials, account: str, client_address: str) -> Account | None:
        rows = await self._look_up(_RELAY_QUERY, (account,))
        await asyncio.sleep(self.throttle.delay(account, client_address))
        found = None
        if not self.throttle.is_locked(account, client_address):
            candidates = [(relay_id, tenant_id, verifier, None) for relay_id, tenant_id, verifier in rows]
            verified = await self._verified(credentials.password, "", candidates)
            found = Account(verified.tenant_id, None, None, verified.mailbox_id) if verified else None
        return self._noted(found, account, client_address)

    async def begin_scram(self, first: ClientFirst) -> ScramLogOn:
        """Return an exchange with whom it would log in, by which password. Raises DatabaseAway."""
        if "@" not in first.name:
            return await self._begin_relay_scram(first)
        rows = await self._look_up(_SCRAM_QUERY, (*_key_of(first.name), MAX_PASSWORDS))
        known = [(parsed, row) for row in rows if row[0] == rows[0][0] and (parsed := parse_verifier(row[2]))]
        alike = [(parsed, row) for parsed, row in known if parsed[:2] == known[0][0][:2]]
        if not alike:
            return ScramLogOn(ScramExchange(first, stand_in(_throttled(first.name), settings.SECRET_KEY.encode())), ())
        accounts = tuple(Account(tenant_id, mailbox_id, used) for _, (mailbox_id, tenant_id, _, used) in alike)
        return ScramLogOn(ScramExchange(first, *(parsed for parsed, _ in alike)), accounts)

    async def _begin_relay_scram(self, first: ClientFirst) -> ScramLogOn:
        account = _throttled(first.name)
        for relay_id, tenant_id, verifier in await self._look_up(_RELAY_QUERY, (account,)):
            if (parsed := parse_verifier(verifier)) is not None:
                return ScramLogOn(ScramExchange(first, parsed), (Account(tenant_id, None, None, relay_id),))
        return ScramLogOn(ScramExchange(first, stand_in(account, settings.SECRET_KEY.encode())), ())

    async def check_scram(
        self, first: ClientFirst, final: str, begun: ScramLogOn, client_address: str
    ) -> tuple[str, Account] | None:
        """Return the server's last message and the account, or None."""
        account = _throttled(first.name)
        await asyncio.sleep(self.throttle.delay(account, client_address))
        concluded = begun.exchange.conclude(final)
        if concluded is None or not begun.accounts or self.throttle.is_locked(account, client_address):
            self._noted(None, account, client_address)
            return None
        which, proof = concluded
        self._noted(begun.accounts[which], account, client_address)
        return proof, begun.accounts[which]

    async def check_bearer(self, message: BearerMessage, client_address: str) -> Account | None:
        """Return whose mailbox it is, where the token vouches for its user; raises DatabaseAway, ProviderAway."""
        assert self.identity is not None, "offered where there is one"
        try:
            address = await self.identity.address_in(message.token)
        except InvalidToken:
            address = ""
        account = _throttled(message.user or address)
        await asyncio.sleep(self.throttle.delay(account, client_address))
        found = None
        if address and not self.throttle.is_locked(account, client_address):
            for mailbox_id, tenant_id in await self._look_up(_PERSON_QUERY, (*_key_of(account), address)):
                found = Account(tenant_id, mailbox_id)
        return self._noted(found, account, client_address)

    async def account_of(self, name: str) -> Account | None:
        """Return the account of a name that somebody else has checked; raises DatabaseAway."""
        rows = await self._look_up(_NAMED_QUERY, _key_of(_throttled(name)))
        return next((Account(tenant_id, mailbox_id) for mailbox_id, tenant_id in rows), None)

    def _noted(self, found: Account | None, account: str, client_address: str) -> Account | None:
        if found is None:
            self.throttle.failed(account, client_address)
            self.failures.note(_key_of(account), client_address)
        else:
            self.throttle.succeeded(account, client_address)
            self.uses.note(found.app_password_id, client_address)
        return found

    async def _candidates(self, name: str, prefix: str) -> Sequence[tuple[Any, ...]]:
        return await self._look_up(_QUERY, (prefix, *_key_of(name), MAX_CANDIDATES))

    async def _look_up(self, query: str, values: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
        async def look_up(connection: Connection) -> list[tuple[Any, ...]]:
            async with connection.cursor() as cursor:
                await cursor.execute(query, values, prepare=True)
                return await cursor.fetchall()

        return await self._link.run_again(look_up)

    async def _verified(self, typed: str, app_password: str, candidates: Sequence[tuple[Any, ...]]) -> Account | None:
        loop = asyncio.get_running_loop()
        for mailbox_id, tenant_id, verifier, app_password_id in candidates:
            password = app_password if app_password_id else typed
            account = Account(tenant_id, mailbox_id, app_password_id)
            key = hmac.digest(self._secret, f"{mailbox_id}\0{verifier}\0{password}".encode(), "sha256")
            if self._remembered.get(key, 0.0) > loop.time():
                return account
            if await loop.run_in_executor(self._executor, verify, password, verifier):
                self._remember(key, loop.time() + REMEMBERED_FOR)
                return account
        if not candidates:
            await loop.run_in_executor(self._executor, dummy_verify, typed)
        return None

    def _remember(self, key: bytes, until: float) -> None:
        while len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[key] = until

    def close(self) -> None:
        if self.identity is not None:
            self.identity.close()
        self._executor.shutdown(wait=False, cancel_futures=True)


def _key_of(name: str) -> tuple[str, str]:
    """Return domain and local key of a name, as the look-up compares them."""
    try:
        address = parse_address(name)
    except InvalidAddress:
        address = Address("", "invalid")
    local, _, domain = address.key.rpartition("@")
    return domain, local


def _throttled(name: str) -> str:
    """Return the name under which its failures are counted, as the database can be asked for it: without a NUL."""
    return name.strip().casefold()[:320].replace("\0", "\ufffd")
