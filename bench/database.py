"""What the benchmarks do to our database from beside: hold queues back, count, clear away."""

from __future__ import annotations

import psycopg
from psycopg import sql

TABLES = ("delivery", "message", "messagebody", "mailboxmessage", "mailboxbody", "trackingevent")


class Database:
    """As its owner, who sees with the mail flow's eyes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        self._connection.close()

    def hints(self) -> int:
        """Return how many hints the broker holds: the thousand mailboxes of the bench's tenant left one each."""
        with self._connection.transaction():
            self._connection.execute("SET LOCAL ROLE postroom_broker")
            row = self._connection.execute("SELECT count(*) FROM pgmq.q_sweep").fetchone()
        return int(row[0]) if row else 0

    def hold_mailboxes(self, *, held: bool) -> None:
        """Suspend or resume the queues to mailboxes, so that accepting is measured and nothing else."""
        self._connection.execute(
            "UPDATE transport_queue SET suspended = %s WHERE delivery_type = 'smtp_delivery_to_mailbox'", [held]
        )

    def hold_hop(self, domain: str, *, held: bool) -> None:
        """Suspend or resume the queue of one connector, named like the domain."""
        self._connection.execute(
            "UPDATE transport_queue q SET suspended = %s FROM transport_sendconnector c "
            "WHERE c.id = q.connector_id AND c.name = %s",
            [held, domain],
        )

    def count(self, table: str) -> int:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(f"transport_{table}"))
        row = self._connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def clear(self) -> None:
        """Throw all mail away, between benchmarks that have nothing to do with each other."""
        names = sql.SQL(", ").join(sql.Identifier(f"transport_{name}") for name in TABLES)
        self._connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
