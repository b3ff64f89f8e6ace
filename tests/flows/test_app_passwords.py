"""A mail program's own password on the running platform: made at the console, used by SMTP, revoked at once."""

from __future__ import annotations

import re
import smtplib

import pytest

from tests.person import Person
from tests.platform_process import PlatformProcess, eventually
from tests.strangers import submit

pytestmark = pytest.mark.slow
BOB = "bob@contoso.example"


def test_bob_sends_from_his_phone_until_he_revokes_it(platform: PlatformProcess) -> None:
    bob = Person(platform.url, BOB, platform.logins[BOB])
    bob.open("/mail/")
    bob.follow("Apps and devices")
    told = bob.press("Make a password", name="My phone").text
    found = re.search(r"(?:[a-z2-7]{5}-){5}[a-z2-7]{5}", told)
    assert found
    assert str(platform.submission_port) in told

    assert submit(platform, BOB, found[0], "ann@contoso.example") == ""
    eventually(lambda: "from 127.0.0.1" in bob.open("/mail/apps/").text)

    assert "cannot log in any more" in bob.press("Revoke").text
    with pytest.raises(smtplib.SMTPAuthenticationError):
        submit(platform, BOB, found[0], "ann@contoso.example")
    assert submit(platform, BOB, platform.logins[BOB], "ann@contoso.example") == ""
