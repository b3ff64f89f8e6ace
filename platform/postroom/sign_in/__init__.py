"""Signing in: the one door for console and admin, second factors, sessions, resets, and a person's own account.

The flows are django-allauth's; looks, rules and letters are ours. Everything here runs without a tenant: who signs in
is not known yet, and what guards a log-in is no tenant's to see (tenants/rls.py: `without_tenant`).
"""

from __future__ import annotations

from typing import Final

FAILURES_TASK: Final = "tenants.report_failed_sign_ins"
RESETS_TASK: Final = "tenants.send_password_resets"
