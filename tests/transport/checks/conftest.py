from __future__ import annotations

from tests.transport.dns.conftest import dns_stub

__all__ = ["dns_stub"]
