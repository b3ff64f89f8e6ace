"""The paths of API v1 (design §8)."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from postroom.api.v1.accepted_domains import AcceptedDomainViewSet
from postroom.api.v1.api_keys import ApiKeyViewSet
from postroom.api.v1.app_passwords import AppPasswordViewSet
from postroom.api.v1.audit_events import AuditEventViewSet
from postroom.api.v1.bulk_operations import BulkOperationViewSet
from postroom.api.v1.client_tests import ClientTestView
from postroom.api.v1.configuration_versions import ConfigurationVersionViewSet
from postroom.api.v1.exports import ExportViewSet
from postroom.api.v1.invitations import InvitationViewSet
from postroom.api.v1.mail_flow_checks import MailFlowCheckView
from postroom.api.v1.mailboxes import MailboxViewSet
from postroom.api.v1.members import MemberViewSet
from postroom.api.v1.messages import MessageViewSet
from postroom.api.v1.plans import PlanViewSet
from postroom.api.v1.protocol_log import ProtocolLogViewSet
from postroom.api.v1.queued_messages import QueuedMessageViewSet
from postroom.api.v1.queues import QueueViewSet
from postroom.api.v1.receive_connectors import ReceiveConnectorViewSet
from postroom.api.v1.retry_clock import RetryClockView
from postroom.api.v1.route_simulations import RouteSimulationView
from postroom.api.v1.send_connectors import SendConnectorViewSet
from postroom.api.v1.suppressions import SuppressionViewSet
from postroom.api.v1.tenants import TenantViewSet
from postroom.api.v1.tracking_events import TrackingEventViewSet
from postroom.api.v1.usage import UsageView

router = SimpleRouter()
router.register("tenants", TenantViewSet, "tenant")
router.register("plans", PlanViewSet, "plan")
router.register("accepted-domains", AcceptedDomainViewSet, "accepted-domain")
router.register("mailboxes", MailboxViewSet, "mailbox")
router.register("mailboxes/(?P<mailbox>[^/]+)/app-passwords", AppPasswordViewSet, "app-password")
router.register("send-connectors", SendConnectorViewSet, "send-connector")
router.register("receive-connectors", ReceiveConnectorViewSet, "receive-connector")
router.register("queues", QueueViewSet, "queue")
router.register("bulk-operations", BulkOperationViewSet, "bulk-operation")
router.register("queued-messages", QueuedMessageViewSet, "queued-message")
router.register("messages", MessageViewSet, "message")
router.register("tracking-events", TrackingEventViewSet, "tracking-event")
router.register("protocol-log", ProtocolLogViewSet, "protocol-log")
router.register("suppressions", SuppressionViewSet, "suppression")
router.register("members", MemberViewSet, "member")
router.register("invitations", InvitationViewSet, "invitation")
router.register("api-keys", ApiKeyViewSet, "api-key")
router.register("exports", ExportViewSet, "export")
router.register("audit-events", AuditEventViewSet, "audit-event")
router.register("configuration-versions", ConfigurationVersionViewSet, "configuration-version")

app_name = "api"
urlpatterns = [
    path("retry-clock/", RetryClockView.as_view(), name="retry-clock"),
    path("route-simulations/", RouteSimulationView.as_view(), name="route-simulations"),
    path("mail-flow-checks/", MailFlowCheckView.as_view(), name="mail-flow-checks"),
    path("usage/", UsageView.as_view(), name="usage"),
    path("receive-connectors/tests/", ClientTestView.as_view(), name="receive-connector-tests"),
    *router.urls,
]
