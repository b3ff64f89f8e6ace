"""Mail programs that people use, handing in mail as Ann of the demo tenant."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.person import Person
from tests.platform_process import ApiCaller, PlatformProcess, eventually
from tests.system.letters import ANN, AWKWARD, BOB, letter, source_of

pytestmark = pytest.mark.system


def run(*command: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, env=environment or None, check=False
    )


def swaks(platform: PlatformProcess, port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("swaks", "--server", platform.host, "--port", str(port), "--timeout", "20", *arguments)


def delivered(api: ApiCaller, subject: str) -> dict[str, Any]:
    """Wait until the log says that the message with this subject lies in a mailbox."""

    def probe() -> dict[str, Any] | None:
        found = api.get(f"tracking-events/?event_id=DELIVER&subject={subject}").body["results"]
        return found[0] if found else None

    event = eventually(probe)
    assert event is not None
    return event


@pytest.fixture
def subject() -> str:
    return f"token-{uuid4().hex}"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_submits_over_starttls_with_log_in(
    platform: PlatformProcess, contoso_api: ApiCaller, subject: str, mechanism: str
) -> None:
    done = swaks(
        platform,
        platform.submission_port,
        *["--tls", "--auth", mechanism, "--auth-user", ANN, "--auth-password", platform.logins[ANN]],
        *["--from", ANN, "--to", BOB, "--header", f"Subject: {subject}"],
    )
    assert done.returncode == 0, done.stdout
    assert "250 2.6.0 <" in done.stdout
    assert "Queued mail for delivery" in done.stdout
    assert delivered(contoso_api, subject)["recipients"] == [BOB]


def test_swaks_submits_over_tls_from_the_first_byte(
    platform: PlatformProcess, contoso_api: ApiCaller, subject: str
) -> None:
    done = swaks(
        platform,
        platform.submissions_port,
        *["--tls-on-connect", "--auth", "PLAIN", "--auth-user", ANN, "--auth-password", platform.logins[ANN]],
        *["--from", ANN, "--to", BOB, "--header", f"Subject: {subject}"],
    )
    assert done.returncode == 0, done.stdout
    delivered(contoso_api, subject)


def test_a_wrong_password_is_refused(platform: PlatformProcess) -> None:
    done = swaks(
        platform,
        platform.submission_port,
        *["--tls", "--auth", "PLAIN", "--auth-user", ANN, "--auth-password", "wrong", "--from", ANN, "--to", BOB],
    )
    assert done.returncode != 0
    assert "535 5.7.8 " in done.stdout


def test_no_log_in_is_offered_before_tls(platform: PlatformProcess) -> None:
    done = swaks(platform, platform.submission_port, "--from", ANN, "--to", BOB)
    assert " AUTH " not in done.stdout
    assert "530 5.7" in done.stdout


def test_another_s_address_is_refused(platform: PlatformProcess) -> None:
    done = swaks(
        platform,
        platform.submission_port,
        *["--tls", "--auth", "PLAIN", "--auth-user", ANN, "--auth-password", platform.logins[ANN]],
        *["--from", BOB, "--to", ANN],
    )
    assert "550 5.7.60 " in done.stdout


def test_a_stranger_cannot_relay(platform: PlatformProcess) -> None:
    done = swaks(platform, platform.smtp_port, "--from", "someone@fabrikam.example", "--to", "x@tailspin.example")
    assert "550 5.7.1 Unable to relay" in done.stdout


def test_a_stranger_reaches_a_mailbox(platform: PlatformProcess, contoso_api: ApiCaller, subject: str) -> None:
    done = swaks(
        platform,
        platform.smtp_port,
        *["--from", "someone@fabrikam.example", "--to", BOB, "--header", f"Subject: {subject}"],
    )
    assert done.returncode == 0, done.stdout
    assert delivered(contoso_api, subject)["recipients"] == [BOB]


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256"])
def test_msmtp_submits(platform: PlatformProcess, contoso_api: ApiCaller, subject: str, mechanism: str) -> None:
    account = [f"--host={platform.host}", f"--port={platform.submission_port}", f"--from={ANN}", f"--user={ANN}"]
    options = ["--tls=on", "--tls-starttls=on", "--tls-certcheck=off", f"--auth={mechanism}"]
    password = f"--passwordeval=echo {platform.logins[ANN]}"
    text = f"From: {ANN}\nTo: {BOB}\nSubject: {subject}\n\nGrüße von msmtp\n"
    done = run("msmtp", "--file=/dev/null", *account, *options, password, BOB, text=text)
    assert done.returncode == 0, done.stderr
    delivered(contoso_api, subject)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_s_nail_submits(
    platform: PlatformProcess, contoso_api: ApiCaller, subject: str, tmp_path: Path, scheme: str
) -> None:
    attachment = tmp_path / "attached.txt"
    attachment.write_text("an attachment\n")
    port = platform.submission_port if scheme == "smtp" else platform.submissions_port
    user, password = ANN.replace("@", "%40"), platform.logins[ANN]
    settings = [
        "v15-compat=yes",
        f"mta={scheme}://{user}:{password}@{platform.host}:{port}",
        *(["smtp-use-starttls"] if scheme == "smtp" else []),
        "smtp-auth=plain",
        "tls-verify=ignore",
        f"from={ANN}",
    ]
    options = [item for setting in settings for item in ("-S", setting)]
    done = run(
        *["s-nail", "-:/", *options, "-a", str(attachment), "-s", subject, BOB],
        text="Written in s-nail.\n",
        HOME=str(tmp_path),
        PATH="/usr/bin:/bin",
        LC_ALL="C.UTF-8",
    )
    assert done.returncode == 0, done.stderr
    delivered(contoso_api, subject)


def test_smtplib_submits_eight_bits_unchanged(as_ann: smtplib.SMTP, bob: Person, token: str) -> None:
    sent = letter(token, to=BOB, body=AWKWARD)
    as_ann.sendmail(ANN, [BOB], sent, mail_options=["BODY=8BITMIME"])
    assert source_of(bob, token).endswith(b"\r\n" + sent)


def test_smtplib_submits_headers_in_utf_8(as_ann: smtplib.SMTP, bob: Person, token: str) -> None:
    message = EmailMessage(policy=SMTPUTF8)
    message["From"] = Address("Änne", addr_spec=ANN)
    message["To"], message["Subject"] = BOB, f"Grüße {token}"
    message.set_content("こんにちは", cte="8bit")
    as_ann.sendmail(ANN, [BOB], message.as_bytes(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    stored = source_of(bob, token)
    assert f"\r\nSubject: Grüße {token}\r\n".encode() in stored
    assert stored.endswith("\r\n\r\nこんにちは\r\n".encode())


def test_smtplib_submits_over_tls_from_the_first_byte(platform: PlatformProcess, bob: Person, token: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = ANN, BOB, token
    message.set_content("Hello.")
    with smtplib.SMTP_SSL(platform.host, platform.submissions_port, timeout=20, context=context) as client:
        client.login(ANN, platform.logins[ANN])
        assert client.send_message(message) == {}
    assert b"\r\n\r\nHello.\r\n" in source_of(bob, token)
