"""The tables of the mail flow: connectors, messages, queues, the tracking log, letters in mailboxes."""

from transport.models.figures import PlatformTraffic, QueueFigures, QueueOperation, RollUp, Traffic
from transport.models.mailstore import Folder, MailboxBody, MailboxMessage
from transport.models.message import Message, MessageBody
from transport.models.platform import Heartbeat, PressureChange, RelayRefusal
from transport.models.queue import Delivery, DeliveryType, Queue, queue_id_for
from transport.models.receive_connector import ReceiveConnector
from transport.models.send_connector import AddressSpace, SendConnector, SmartHost
from transport.models.tracking import EventId, Source, TrackingEvent

__all__ = [
    "AddressSpace",
    "Delivery",
    "DeliveryType",
    "EventId",
    "Folder",
    "Heartbeat",
    "MailboxBody",
    "MailboxMessage",
    "Message",
    "MessageBody",
    "PlatformTraffic",
    "PressureChange",
    "Queue",
    "QueueFigures",
    "QueueOperation",
    "ReceiveConnector",
    "RelayRefusal",
    "RollUp",
    "SendConnector",
    "SmartHost",
    "Source",
    "TrackingEvent",
    "Traffic",
    "queue_id_for",
]
