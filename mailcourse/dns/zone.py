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

import itertools
import re

import dns.exception
import dns.name
import dns.node
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.zone

from mailcourse.internet.errors import LabError

ADDRESSES = (dns.rdatatype.A, dns.rdatatype.AAAA)


class ZoneError(LabError):
    """A zone text that cannot be served; says where and why."""


def parse(origin: str, text: str) -> dns.zone.Zone:
    """Read a zone text.

    >>> parse("bakery.test", "@ SOA ns hostmaster 1 2 3 4 5\\n@ NS ns\\n@ MX ten mx1")
    Traceback (most recent call last):
    mailcourse.dns.zone.ZoneError: Zone bakery.test, line 3, column 6: expecting an integer: '@ MX ten mx1'. \
Mend that line and try again.
    """
    try:
        zone = dns.zone.from_text(text, origin=origin, relativize=False, check_origin=False, filename="zone")
    except dns.exception.SyntaxError as error:
        raise _located(origin, text, str(error)) from None
    except (dns.exception.DNSException, ValueError, KeyError) as error:
        raise ZoneError(f"Zone {origin}: {error}. Mend the text and try again.") from None
    if zone.get_rdataset(origin_of(zone), "SOA") is None:
        raise ZoneError(f"Zone {origin} has no SOA record. Add one, such as: @ SOA ns hostmaster 1 7200 900 604800 300")
    if zone.get_rdataset(origin_of(zone), "NS") is None:
        raise ZoneError(f"Zone {origin} has no NS record. Add one, such as: @ NS ns")
    _check_names(zone, origin, text)
    return zone


def _check_names(zone: dns.zone.Zone, origin: str, text: str) -> None:
    """What reads well and would still not work: names of other zones, name servers without an address."""
    for number, line in enumerate(text.splitlines(), 1):
        word = line.split(";")[0].partition(" ")[0].partition("\t")[0]
        if word.endswith(".") and word[:1] != "$" and not dns.name.from_text(word).is_subdomain(origin_of(zone)):
            raise _located(origin, text, f"zone:{number}: '{word}' is not a name in this zone")
    for record in zone.find_rdataset(origin_of(zone), "NS"):
        if record.target.is_subdomain(origin_of(zone)):
            node = zone.get_node(record.target)
            if node is None or not any(rdataset.rdtype in ADDRESSES for rdataset in node):
                raise ZoneError(
                    f"Zone {origin}: its name server {record.target} has no address. Add one, such as: "
                    f"{record.target.relativize(origin_of(zone))} A 192.0.2.53"
                )


def _located(origin: str, text: str, said: str) -> ZoneError:
    where = re.match(r"zone:(\d+): (.*)", said, re.DOTALL)
    number, why = (int(where[1]), where[2]) if where else (1, said)
    lines = text.splitlines() or [""]
    number = min(_first_line_with(origin, lines, why) or number, len(lines))
    line = lines[number - 1]
    return ZoneError(
        f"Zone {origin}, line {number}, column {_column(line, why)}: {why.rstrip('.')}: {line.strip()!r}. "
        "Mend that line and try again."
    )


def _first_line_with(origin: str, lines: list[str], why: str) -> int | None:
    """Return the line at which the error appears: dnspython tells the line behind it for some."""
    for number in range(1, len(lines) + 1):
        try:
            dns.zone.from_text("\n".join(lines[:number]), origin=origin, check_origin=False, filename="zone")
        except dns.exception.SyntaxError as error:
            if str(error).endswith(why):
                return number
        except (dns.exception.DNSException, ValueError, KeyError):
            continue
    return None


def _column(line: str, why: str) -> int:
    """Point at the word that is wrong: the one the error names, a bad name, or the first after the type."""
    words = [(m.start() + 1, m[0]) for m in re.finditer(r"[^\s;]+", line.split(";")[0])]
    for column, word in words:
        if f"'{word}'" in why or _is_bad_name(word):
            return column
    for (_, word), (column, _) in itertools.pairwise(words):
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
    """Write the zone as text, names relative to its origin."""
    return str(zone.to_text(sorted=True, relativize=True, want_origin=True)).replace(" IN ", " ")
