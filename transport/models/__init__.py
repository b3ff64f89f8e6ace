"""The tables of the mail flow: connectors, messages, queues, the tracking log, letters in mailboxes."""

from transport.models.figures import BulkOperation, PlatformTraffic, QueueFigures, QueueOperation, RollUp, Traffic
from transport.models.mailstore import Folder, MailboxBody, MailboxMessage
from transport.models.message import Message, MessageBody
from transport.models.mta_sts import MtaStsPolicy
from transport.models.platform import Destination, Heartbeat, PressureChange, RelayRefusal
from transport.models.protocol_log import ProtocolTranscript
from transport.models.queue import Delivery, DeliveryType, Queue, queue_id_for
from transport.models.receive_connector import ReceiveConnector
from transport.models.send_connector import AddressSpace, SendConnector, SmartHost
from transport.models.suppression import SuppressedAddress
from transport.models.tracking import EventId, Source, TrackingEvent
from transport.models.usage import Direction, LimitNotice, Period, TenantLoad, Usage, UsageDelta

__all__ = [
    "AddressSpace",
    "BulkOperation",
    "Delivery",
    "DeliveryType",
    "Destination",
    "Direction",
    "EventId",
    "Folder",
    "Heartbeat",
    "LimitNotice",
    "MailboxBody",
    "MailboxMessage",
    "Message",
    "MessageBody",
    "MtaStsPolicy",
    "Period",
    "PlatformTraffic",
    "PressureChange",
    "ProtocolTranscript",
    "Queue",
    "QueueFigures",
    "QueueOperation",
    "ReceiveConnector",
    "RelayRefusal",
    "RollUp",
    "SendConnector",
    "SmartHost",
    "Source",
    "SuppressedAddress",
    "TenantLoad",
    "TrackingEvent",
    "Traffic",
    "Usage",
    "UsageDelta",
    "queue_id_for",
]
