"""A zone: the records of one domain, as ordinary zone text (RFC 1035 §5).

    $TTL 3600
    @    SOA  ns hostmaster 1 7200 900 604800 300
    @    NS   ns
    ns   A    198.51.100.53
    @    MX   10 mx1

Reading and writing are dnspython's; this file adds errors with line and column, and the lock-free
swap that lets a zone be edited while its server answers.
"""

from __future__ import annotations

import bisect
import itertools
import re

import dns.exception
import dns.name
import dns.node
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.tokenizer
import dns.transaction
import dns.zone
import dns.zonefile

from mailcourse.internet.errors import LabError

ADDRESSES = (dns.rdatatype.A, dns.rdatatype.AAAA)
#: A name has one of these, or none.
ALONE = (dns.rdatatype.CNAME, dns.rdatatype.SOA)
#: What a server answers for in ways of its own, which ours does not: signatures, DNAME, and types that are in no zone.
NOT_SERVED = re.compile(r"DNAME|RRSIG|SIG|NSEC|NSEC3|NSEC3PARAM|OPT|TSIG|TKEY|[AI]XFR|ANY|MAIL[AB]|NONE|TYPE0")
#: Characters of a zone text, and records that its $GENERATE lines make together.
MAX_TEXT, MAX_GENERATED = 1_000_000, 5000
MAX_TTL = 2**31 - 1  # RFC 2181 §8
GENERATE = re.compile(r"(?im)^\$GENERATE\s+(\d{1,9})-(\d{1,9})(.*?\$\{[-\d,]*?\d{5})?")


class ZoneError(LabError):
    """A zone text that cannot be served; says where and why."""


def parse(origin: str, text: str) -> dns.zone.Zone:
    """Read a zone text.

    >>> parse("bakery.test", "@ SOA ns hostmaster 1 2 3 4 5\\n@ NS ns\\n@ MX ten mx1")
    Traceback (most recent call last):
    mailcourse.dns.zone.ZoneError: Zone bakery.test, line 3, column 6: expecting an integer: '@ MX ten mx1'. \
Fix that line and try again.
    """
    top = dns.name.from_text(origin)
    _check_size(origin, text)
    try:
        zone = _read(top, text)
    except (dns.exception.DNSException, ValueError) as error:
        raise _located(top, text, str(error)) from None
    if zone.get_rdataset(top, "SOA") is None:
        raise ZoneError(f"Zone {origin} has no SOA record. Add one, such as: @ SOA ns hostmaster 1 7200 900 604800 300")
    if zone.get_rdataset(top, "NS") is None:
        raise ZoneError(f"Zone {origin} has no NS record. Add one, such as: @ NS ns")
    _check_name_servers(zone, origin)
    return zone


def _check_size(origin: str, text: str) -> None:
    ranges = GENERATE.findall(text[:MAX_TEXT])
    is_huge = any(huge or int(last) - int(first) >= MAX_GENERATED // len(ranges) for first, last, huge in ranges)
    if is_huge or len(text) > MAX_TEXT:
        most = f"{MAX_TEXT:,} characters, and {MAX_GENERATED:,} records that its $GENERATE lines make"
        raise ZoneError(f"Zone {origin} is too long. It may have {most}. Take a shorter range, or some lines out.")


def _read(top: dns.name.Name, text: str) -> dns.zone.Zone:
    """Read the records, also those that lie outside: dnspython would pass over them in silence."""
    zone = dns.zone.Zone(top, relativize=False)
    with zone.writer(True) as records:
        records.check_put_rdataset(_check_record)
        reader = dns.zonefile.Reader(dns.tokenizer.Tokenizer(text, "zone"), dns.rdataclass.IN, records)
        reader.zone_origin = dns.name.root
        try:
            reader.read()
        except KeyError:
            raise ValueError(f"'{reader.last_name}' is not a name in this zone") from None
    return zone


def _check_record(records: dns.transaction.Transaction, name: dns.name.Name, new: dns.rdataset.Rdataset) -> None:
    """Refuse what reads well and would still not work."""
    if NOT_SERVED.fullmatch(kind := dns.rdatatype.to_text(new.rdtype)):
        raise ValueError(f"records of type {kind} are not served here")
    if new.ttl > MAX_TTL:
        raise ValueError(f"a TTL is {MAX_TTL} seconds at most")
    if new.rdtype == dns.rdatatype.NS and name.is_wild():  # RFC 4592 §4.2
        raise ValueError("a wildcard has no name servers")
    for old in records.get_node(name) or ():
        if (old.rdtype == dns.rdatatype.CNAME) != (new.rdtype == dns.rdatatype.CNAME):
            # RFC 1034 §3.6.2
            raise ValueError("a CNAME is not compatible with other records of the same name")
        if old.rdtype == new.rdtype and new.rdtype in ALONE and old[0] != new[0]:
            raise ValueError(f"the same name has another {new.rdtype.name}, and one is all it may have")


def _check_name_servers(zone: dns.zone.Zone, origin: str) -> None:
    """A name server inside the zone needs an address there, or nobody finds it (RFC 1034 §4.2.2)."""
    for owner, servers in zone.iterate_rdatasets("NS"):
        for record in servers:
            found = zone.get_node(record.target) or ()
            if record.target.is_subdomain(owner) and not any(rdataset.rdtype in ADDRESSES for rdataset in found):
                raise ZoneError(
                    f"Zone {origin}: the name server {record.target} has no address. Add one, such as: "
                    f"{record.target.relativize(origin_of(zone))} A 192.0.2.53"
                )


def _located(top: dns.name.Name, text: str, said: str) -> ZoneError:
    where = re.match(r"zone:(\d+): (.*)", said, re.DOTALL)
    number, why = (int(where[1]), where[2]) if where else (1, said)
    lines = text.splitlines() or [""]
    number = min(_first_line_with(top, lines, why) or number, len(lines))
    line, zone = lines[number - 1][:200], top.to_text(omit_final_dot=True)
    if "default TTL" in why:
        return ZoneError(
            f"Zone {zone}, line {number}: for how long may this be remembered? {line.strip()!r}. There is no $TTL line "
            "above it. Begin the zone with one, such as $TTL 3600; whoever adds to a zone keeps all its lines."
        )
    return ZoneError(
        f"Zone {zone}, line {number}, column {_column(line, why)}: {why.rstrip('.')}: {line.strip()!r}. "
        "Fix that line and try again."
    )


def _first_line_with(top: dns.name.Name, lines: list[str], why: str) -> int | None:
    """Return the line at which the error appears: dnspython tells the line behind it for some, and for some none."""

    def fails(number: int) -> bool:
        try:
            _read(top, "\n".join(lines[:number]))
        except (dns.exception.DNSException, ValueError) as error:
            return str(error).endswith(why)
        return False

    found = bisect.bisect_left(range(1, len(lines) + 1), True, key=fails) + 1
    return found if found <= len(lines) else None


def _column(line: str, why: str) -> int:
    """Point at the word that is wrong: the one the error names, a bad name, or the first after the type."""
    words = [(m.start() + 1, m[0]) for m in re.finditer(r"[^\s;]+", line.split(";")[0])]
    for column, word in words:
        if f"'{word}'" in why or _is_bad_name(word):
            return column
    owners = 0 if line[:1].isspace() else 1
    for (_, word), (column, _) in itertools.pairwise(words[owners:]):
        if word.isalpha() and word.upper() in dns.rdatatype.RdataType.__members__:
            return column
    return words[-1][0] if words else 1


def _is_bad_name(word: str) -> bool:
    try:
        dns.name.from_text(word)
    except (dns.exception.DNSException, ValueError):
        return True
    return False


def serial(zone: dns.zone.Zone) -> int:
    """Return the serial number of the zone's SOA record."""
    return int(zone.find_rdataset(origin_of(zone), "SOA")[0].serial)


def with_serial(zone: dns.zone.Zone, number: int) -> dns.zone.Zone:
    """Set the serial number; the zone is changed and returned."""
    old = zone.find_rdataset(origin_of(zone), "SOA")
    new = dns.rdataset.from_rdata_list(old.ttl, [old[0].replace(serial=number % 2**32)])
    zone.replace_rdataset(origin_of(zone), new)
    return zone


def origin_of(zone: dns.zone.Zone) -> dns.name.Name:
    """Return the name at the zone's top."""
    assert zone.origin is not None
    return zone.origin


def text_of(zone: dns.zone.Zone) -> str:
    """Write the zone as text, names relative to its origin; $TTL is for what is added to it."""
    soa = zone.get_rdataset(origin_of(zone), "SOA")
    ttl = f"$TTL {soa.ttl}\n" if soa is not None else ""
    text = str(zone.to_text(sorted=True, relativize=True, want_origin=True))
    return ttl + re.sub(r"^(\S+ \d+) IN ", r"\1 ", text, flags=re.MULTILINE)
