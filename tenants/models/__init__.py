"""The tables of the tenants: who they are and what names they own."""

from tenants.models.audit import AuditEvent
from tenants.models.domain import AcceptedDomain
from tenants.models.invitation import Invitation
from tenants.models.key import ApiKey, IdempotentRequest
from tenants.models.mailbox import AppPassword, EmailAddress, Mailbox
from tenants.models.plan import Plan
from tenants.models.send_as import SendAsGrant
from tenants.models.sign_in import FailedSignIn, Guesses, PasswordResetRequest
from tenants.models.suspension import Suspendable, SuspensionMode
from tenants.models.tenant import Tenant, TenantOwned
from tenants.models.user import Membership, User
from tenants.models.version import ConfigurationVersion

__all__ = [
    "AcceptedDomain",
    "ApiKey",
    "AppPassword",
    "AuditEvent",
    "ConfigurationVersion",
    "EmailAddress",
    "FailedSignIn",
    "Guesses",
    "IdempotentRequest",
    "Invitation",
    "Mailbox",
    "Membership",
    "PasswordResetRequest",
    "Plan",
    "SendAsGrant",
    "Suspendable",
    "SuspensionMode",
    "Tenant",
    "TenantOwned",
    "User",
]
