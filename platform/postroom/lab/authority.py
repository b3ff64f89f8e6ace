"""What the lab's DNS answers to a question: its zones, what was published meanwhile, and the domains in trouble."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.zone

from postroom.lab.config import LabConfig
from postroom.lab.records import Key, PublishedRecords
from postroom.lab.zones import APEXES, FAULTS, TTL, Fault, zone_text

MAX_ALIASES = 8
CNAME, SOA = dns.rdatatype.CNAME, dns.rdatatype.SOA


@dataclass(slots=True)
class Found:
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    answer: list[dns.rrset.RRset] = field(default_factory=list)
    authority: list[dns.rrset.RRset] = field(default_factory=list)


class Authority:
    """Authoritative for the lab's names; says REFUSED for everybody else's, as it has nobody to ask."""

    def __init__(self, config: LabConfig) -> None:
        zone = dns.zone.from_text(zone_text(config), dns.name.root, relativize=False, check_origin=False)
        self._zones: dict[Key, dns.rdataset.Rdataset] = {
            (name.canonicalize(), rdataset.rdtype): rdataset for name, rdataset in zone.iterate_rdatasets()
        }
        self._apexes = [dns.name.from_text(apex) for apex in APEXES]
        self._zones |= {(apex, SOA): _soa() for apex in self._apexes}
        self._faults = {dns.name.from_text(name): fault for name, fault in FAULTS.items()}
        self._published = PublishedRecords(config.records_folder)

    def respond(self, query: dns.message.Message) -> dns.message.Message | None:
        """Return the response, or None where the lab keeps silent on purpose."""
        response = dns.message.make_response(query, our_payload=1232)
        if query.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
        elif len(query.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
        else:
            return self._answer(query.question[0], response)
        return response

    def _answer(self, question: dns.rrset.RRset, response: dns.message.Message) -> dns.message.Message | None:
        fault = self._fault_of(question.name)
        if fault is Fault.SILENT:
            return None
        if fault is Fault.SERVFAIL:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif question.rdclass != dns.rdataclass.IN or dns.rdatatype.is_metatype(question.rdtype):
            response.set_rcode(dns.rcode.REFUSED)  # zone transfers and ANY (RFC 8482) are nobody's business
        else:
            found = self.look_up(question.name, question.rdtype)
            response.set_rcode(found.rcode)
            response.answer, response.authority = found.answer, found.authority
            if found.rcode != dns.rcode.REFUSED:
                response.flags |= dns.flags.AA
        return response

    def look_up(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> Found:
        """Answer one question, following aliases as long as they stay among the lab's names."""
        records = self._zones | dict(self._published.current())
        found = Found()
        for _ in range(MAX_ALIASES):
            key = name.canonicalize()
            if rdataset := records.get((key, rdtype)):
                found.answer.append(_rrset(name, rdataset))
                return found
            alias = records.get((key, CNAME))
            if not alias or rdtype == CNAME:
                return self._nothing(found, key, {owner for (owner, _), rdataset in records.items() if rdataset})
            found.answer.append(_rrset(name, alias))
            name = alias[0].target
        found.rcode = dns.rcode.SERVFAIL
        return found

    def _nothing(self, found: Found, name: dns.name.Name, owners: Iterable[dns.name.Name]) -> Found:
        """Say why there is no such record: not ours, no such name, or the name has other types only (RFC 2308)."""
        # A name below which others exist, exists too (RFC 8020).
        exists = any(owner.is_subdomain(name) for owner in owners)
        apex = next((apex for apex in self._apexes if name.is_subdomain(apex)), None)
        if apex is not None:
            found.authority.append(_rrset(apex, self._zones[apex, SOA]))
            found.rcode = dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN
        elif not exists and not found.answer:
            found.rcode = dns.rcode.REFUSED
        return found

    def _fault_of(self, name: dns.name.Name) -> Fault | None:
        return next((fault for apex, fault in self._faults.items() if name.is_subdomain(apex)), None)


def _rrset(name: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))


def _soa() -> dns.rdataset.Rdataset:
    # The last figure is how long a resolver may remember that there was nothing: not long, tenants are mending.
    text = f"ns.lab.example. hostmaster.lab.example. 1 60 60 3600 {TTL}"
    return dns.rdataset.from_text(dns.rdataclass.IN, SOA, TTL, text)
