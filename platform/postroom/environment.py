"""Typed readers of the environment: the only way in which a setting comes from outside.

Each refuses nonsense with the variable's name in the message. Secrets may also come from the file
that `<NAME>_FILE` names.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
OWNER_COMMANDS = {"migrate", "makemigrations", "prepare", "sqlmigrate", "showmigrations", "dbshell", "flush", "test"}


class EnvironmentProblem(Exception):
    """A variable of the environment, or what it points at, cannot be used."""


def env_text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in TRUE:
        return True
    if value.strip().lower() in FALSE:
        return False
    raise EnvironmentProblem(f"{name} is {value!r}; write 1 or 0.")


def env_int(name: str, default: int, *, low: int, high: int) -> int:
    value = os.environ.get(name)
    if value is None or not value.strip():
        return default
    try:
        number = int(value)
    except ValueError:
        raise EnvironmentProblem(f"{name} is {value!r}; write a whole number from {low} to {high}.") from None
    if not low <= number <= high:
        raise EnvironmentProblem(f"{name} is {number}; it goes from {low} to {high}.")
    return number


def env_port(name: str, default: int) -> int:
    return env_int(name, default, low=1, high=65535)


def env_address(name: str, default: str) -> str:
    value = env_text(name) or default
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise EnvironmentProblem(f"{name} is {value!r}; write one IPv4 or IPv6 address.") from None


def env_networks(name: str) -> list[str]:
    """Return the CIDR networks of a comma-separated list."""
    networks = []
    for item in filter(None, (part.strip() for part in env_text(name).split(","))):
        try:
            networks.append(str(ipaddress.ip_network(item)))
        except ValueError:
            raise EnvironmentProblem(f"{name} holds {item!r}; write networks such as 10.0.0.0/8.") from None
    return networks


def env_host_ports(name: str, *, default_port: int) -> list[tuple[str, int]]:
    """Return (host, port) pairs from `host:port,[v6]:port,host`."""
    return [split_host_port(item, name, default_port) for item in env_text(name).split(",") if item.strip()]


def split_host_port(item: str, name: str, default_port: int) -> tuple[str, int]:
    host, separator, port = item.strip().rpartition(":")
    if not separator or (host.count(":") and not host.startswith("[")):
        host, port = item.strip(), str(default_port)
    try:
        ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        raise EnvironmentProblem(f"{name} holds {item.strip()!r}; write address:port.") from None
    if not 1 <= number <= 65535:
        raise EnvironmentProblem(f"{name} holds port {number}; ports go from 1 to 65535.")
    return host.strip("[]"), number


def env_secret(name: str) -> str:
    """Return a secret from NAME or from the file that NAME_FILE names; empty when neither is set."""
    if value := os.environ.get(name, ""):
        return value
    path = env_text(f"{name}_FILE")
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise EnvironmentProblem(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from None


def kept_secret(name: str, data_dir: Path) -> str:
    """Return a secret of the environment, or one made at first use and kept in the data folder."""
    if value := env_secret(name):
        return value
    path = data_dir / "secrets" / name.lower()
    try:
        return path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return _make_secret(path)
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}. Set {name} or mend the folder.") from None


def _make_secret(path: Path) -> str:
    value = secrets.token_urlsafe(48)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(value)
        try:
            os.link(draft, path)  # atomic, and the first of two racing processes wins
        except FileExistsError:
            value = path.read_text().strip()
        draft.unlink()
    except OSError as error:
        raise EnvironmentProblem(
            f"{path.parent} cannot be written: {error.strerror}. Set POSTROOM_DATA_DIR to a folder of yours."
        ) from None
    return value


def choose_database_role(arguments: Sequence[str]) -> None:
    """Set the database role of this process by its command, unless the environment says one (design §12.1)."""
    command = arguments[0] if arguments else ""
    role = "owner" if command in OWNER_COMMANDS else "flow"
    os.environ.setdefault("POSTROOM_DATABASE_ROLE", role)
