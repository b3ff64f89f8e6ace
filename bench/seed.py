"""Ten thousand tenants and a million deliveries in a few statements: one of each is made by the ordinary actions, and
PostgreSQL multiplies it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

TENANTS: Final = 10_000
DELIVERIES: Final = 1_000_000
BIG: Final = "bench-1"  # the one with a tenth of all deliveries
DAYS: Final = 14

# A row like `t`, with these fields set anew; what the database makes itself is left to it.
_COPY: Final = """
INSERT INTO {table} ({columns})
SELECT {values} FROM (
  SELECT jsonb_populate_record(t, {changes}) AS r FROM {table} t, {source} WHERE {template}
) made
"""
_ID: Final = "(left(first_uuid7_of({at})::text, 19) || substr(gen_random_uuid()::text, 20))::uuid"


class Seeder:
    """Multiplies the rows of the template tenant `bench-0`."""

    def __init__(self, url: str, factor: float) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self.tenants = max(100, round(TENANTS * factor))
        self.deliveries = max(2000, round(DELIVERIES * factor))

    def fill(self) -> None:
        for day in range(1, DAYS + 1):
            for table in ("transport_messagebody", "transport_trackingevent"):
                self._run(f"SELECT make_day_partition('{table}', (now() AT TIME ZONE 'UTC')::date - {day})")
        self._plan()
        self._people()
        self._mail()
        self._log()
        self._connection.execute("DROP TABLE bench_plan, bench_mail")
        for table in ("tenants_tenant", "transport_delivery", "transport_message", "transport_trackingevent"):
            self._connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
        self._connection.execute("ANALYZE")

    def _plan(self) -> None:
        """Write down who is who: ids that later tables refer to."""
        self._run(f"""
            CREATE TABLE bench_plan AS SELECT n, gen_random_uuid() AS tenant, gen_random_uuid() AS domain,
              gen_random_uuid() AS mailbox, gen_random_uuid() AS person, gen_random_uuid() AS connector
            FROM generate_series(1, {self.tenants}) n""")
        # A tenth of the deliveries is one tenant's, in 200 queues; the others have three queues each.
        self._run(f"""
            CREATE TABLE bench_mail AS
            SELECT m.n, p.tenant, p.n AS tenant_number, at, {_ID.format(at="at")} AS message, m.hop,
              uuid_in(md5(p.tenant::text || m.hop)::cstring) AS queue
            FROM (
              SELECT n, now() - (random() * interval '{DAYS} days') AS at,
                CASE WHEN n % 10 = 0 THEN 1 ELSE 1 + n % {self.tenants} END AS owner,
                CASE WHEN n % 10 = 0 THEN n / 10 % 200 ELSE (n % {self.tenants} * 3 + n / {self.tenants} % 3) % 2000 END
                  AS hop
              FROM generate_series(1, {self.deliveries}) n
            ) m JOIN bench_plan p ON p.n = m.owner""")
        self._run("CREATE INDEX ON bench_mail (queue)")
        self._run("CREATE INDEX ON bench_plan (tenant)")
        self._run("ANALYZE bench_mail")
        self._run("ANALYZE bench_plan")

    def _people(self) -> None:
        plan = "bench_plan p"
        self._copy(
            "tenants_tenant",
            plan,
            {"id": "p.tenant", "slug": "'bench-' || p.n", "name": "'Bench ' || p.n"},
            "t.slug = 'bench-0'",
        )
        self._copy(
            "tenants_user",
            plan,
            {"id": "p.person", "email": "'owner-' || p.n || '@bench.example'"},
            "t.email = 'owner-0@bench.example'",
        )
        self._copy("tenants_membership", plan, self._own("user_id", "p.person"))
        self._copy(
            "tenants_accepteddomain",
            plan,
            self._own("id", "p.domain")
            | {
                "domain": "'d' || p.n || '.bench.example'",
                "name": "'d' || p.n",
                "verification_token": "'token-' || p.n",
            },
        )
        boxes = "bench_plan p, generate_series(0, 9) b"
        box_id = "CASE WHEN b = 0 THEN p.mailbox ELSE uuid_in(md5(p.n || '/' || b)::cstring) END"
        with self._connection.transaction():
            self._connection.execute("SET CONSTRAINTS ALL DEFERRED")
            self._copy(
                "tenants_mailbox",
                boxes,
                self._own("id", box_id)
                | {
                    "display_name": "'Person ' || b || ' of ' || p.n",
                    "user_id": "NULL::uuid",
                    "used_bytes": "b * 1000000",
                },
            )
            local = "'person' || b"
            self._copy(
                "tenants_emailaddress",
                boxes,
                self._own("mailbox_id", box_id)
                | {
                    "accepted_domain_id": "p.domain",
                    "domain": "'d' || p.n || '.bench.example'",
                    "local_part": local,
                    "local_key": local,
                },
            )
        self._copy("transport_sendconnector", plan, self._own("id", "p.connector"))
        self._copy("transport_addressspace", plan, self._own("connector_id", "p.connector"))
        self._copy("tenants_apikey", plan, self._own("digest", "sha256(p.n::text::bytea)"))

    def _mail(self) -> None:
        mail = "bench_mail m"
        queues = "(SELECT DISTINCT tenant, tenant_number, queue, hop FROM bench_mail) m"
        connector = "(SELECT connector FROM bench_plan p WHERE p.tenant = m.tenant)"
        own = {"tenant_id": "m.tenant"}
        wait = "now() + interval '1 day'"
        self._copy(
            "transport_queue",
            queues,
            own
            | {
                "id": "m.queue",
                "next_hop_domain": "'hop' || m.hop || '.example'",
                "delivery_type": "'dns_connector_delivery'",
                "connector_id": connector,
                "next_retry_at": wait,
                "retry_count": "3",
                "last_error_at": "now()",
                "last_error_reason": "CASE m.hop % 3 WHEN 0 THEN 'connect.refused' WHEN 1 THEN 'connect.timeout' "
                "ELSE 'peer.greylisted' END",
                "last_error_endpoint": "'mx.hop' || m.hop % 50 || '.example [192.0.2.1]:25'",
                "last_error_peer_text": "'451 4.7.1 Try again later'",
            },
        )
        self._copy(
            "transport_message",
            mail,
            own
            | {
                "id": "m.message",
                "sender": "'person' || m.n % 10 || '@d' || m.tenant_number || '.bench.example'",
                "internet_message_id": "'<' || m.n || '@bench.example>'",
                "subject": "'Invoice ' || m.n",
                "received_at": "m.at",
            },
        )
        self._copy(
            "transport_delivery",
            mail,
            own
            | {
                "id": _ID.format(at="m.at"),
                "message_id": "m.message",
                "queue_id": "m.queue",
                "recipient": "'x' || m.n || '@hop' || m.hop || '.example'",
                "next_attempt_at": wait,
                "state": "CASE WHEN m.n % 50 = 0 THEN 'suspended' ELSE 'retry' END",
                "expires_at": wait,
                "created_at": "m.at",
                "delay_notice_at": "NULL::timestamptz",
                "attempts": "3",
            },
        )
        self._copy(
            "transport_mailboxmessage",
            "bench_plan p, generate_series(1, 20) b",
            self._own("mailbox_id", "p.mailbox")
            | {"uid": "b", "message_id": "gen_random_uuid()", "subject": "'Letter ' || b"},
        )

    def _log(self) -> None:
        event = {
            "tenant_id": "m.tenant",
            "message_id": "m.message",
            "at": "m.at",
            "sender": "'person' || m.n % 10 || '@d' || m.tenant_number || '.bench.example'",
            "recipients": "ARRAY['x' || m.n || '@hop' || m.hop || '.example']",
            "internet_message_id": "'<' || m.n || '@bench.example>'",
            "subject": "'Invoice ' || m.n",
        }
        one = "t.id = (SELECT id FROM transport_trackingevent WHERE event_id = 'RECEIVE' ORDER BY id LIMIT 1)"
        for event_id, share in (("RECEIVE", 1), ("DEFER", 5), ("FAIL", 50)):
            self._copy(
                "transport_trackingevent",
                "bench_mail m",
                event
                | {
                    "id": _ID.format(at="m.at"),
                    "event_id": f"'{event_id}'",
                    "reason": "'connect.refused'" if event_id == "FAIL" else "''",
                    "server_endpoint": "'mx.hop' || m.hop % 50 || '.example [192.0.2.1]:25'",
                },
                f"{one} AND m.n % {share} = 0",
            )
        self._copy(
            "tenants_auditevent",
            "bench_plan p, generate_series(1, 20) b",
            self._own("id", _ID.format(at="now() - random() * interval '14 days'")),
        )

    def _own(self, name: str, value: str) -> dict[str, str]:
        """Return what makes a copied row a tenant's of the plan."""
        return {"id": "gen_random_uuid()", "tenant_id": "p.tenant"} | {name: value}

    def _copy(self, table: str, source: str, changes: Mapping[str, str], template: str = "") -> None:
        where = (
            template
            or f"t.ctid = (SELECT ctid FROM {table} WHERE tenant_id = "
            "(SELECT id FROM tenants_tenant WHERE slug = 'bench-0') LIMIT 1)"
        )
        columns = self._columns(table)
        fields = ", ".join(f"'{name}', {value}" for name, value in changes.items())
        self._run(
            _COPY.format(
                table=table,
                columns=", ".join(columns),
                values=", ".join(f"(r).{name}" for name in columns),
                changes=f"jsonb_build_object({fields})",
                source=source,
                template=where,
            )
        )

    def _columns(self, table: str) -> list[str]:
        rows = self._connection.execute(
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
            "AND NOT attisdropped AND attgenerated = ''",
            [table],
        )
        return [row[0] for row in rows]

    def _run(self, statement: str) -> Any:
        started = time.monotonic()
        cursor = self._connection.execute(statement.encode())
        took = time.monotonic() - started
        if took > 2:
            print(f"  {took:5.1f} s  {' '.join(statement.split())[:60]}", flush=True)
        return cursor
