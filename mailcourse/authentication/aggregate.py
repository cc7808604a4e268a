"""What a receiver tells the owner of a domain, once a day: DMARC's aggregate report (RFC 7489 §7.2, RFC 9990).

    feedback
      report_metadata     who reports, for which time
      policy_published    the record as it was found
      record              for each kind of message: how many, from which address, what was found out, what was done

Made from what `Proof.checks` put into the trace; a lab writes it into a file and mails nothing.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as Xml

from .dmarc import DmarcRecord, read_record

Checks = Iterable[Mapping[str, Any]]
#: client, disposition, author, aligned ("spf dkim"), SPF (domain, result), signatures (domain, selector, result)
Row = tuple[str, str, str, str, tuple[str, str], tuple[tuple[str, str, str], ...]]


def reports(reporter: str, examined: Iterable[tuple[Checks, str]], begin: datetime, end: datetime) -> dict[str, bytes]:
    """Return file names and contents, one for each domain whose record asks for reports; `examined`: (checks, done)."""
    rows: dict[str, Counter[Row]] = {}
    records: dict[str, DmarcRecord] = {}
    for checks, done in examined:
        found = list(checks)
        spf, dmarc = found[0], found[-1]
        record = read_record(dmarc["published_by"], dmarc["record"].encode()) if dmarc["record"] else None
        if record is None or not record.reports_to:
            continue
        signed = tuple((c["domain"], c["selector"], c["result"]) for c in found if c["check"] == "dkim")
        row = spf["ip"], done, dmarc["domain"], dmarc["aligned"], (spf["domain"], spf["result"]), signed
        rows.setdefault(record.domain, Counter())[row] += 1
        records[record.domain] = record
    span = int(begin.timestamp()), int(end.timestamp())
    files = {}
    for domain in sorted(rows):  # without a time of packing, so that the same actions make the same octets
        name = re.sub(r"[^A-Za-z0-9.!-]", "_", f"{reporter}!{domain}!{span[0]}!{span[1]}.xml.gz")  # §7.2.1.1
        files[name] = gzip.compress(_feedback(reporter, records[domain], span, rows[domain]), mtime=0)
    return files


def _feedback(reporter: str, record: DmarcRecord, span: tuple[int, int], rows: Counter[Row]) -> bytes:
    root = Xml.Element("feedback")
    metadata = Xml.SubElement(root, "report_metadata")
    _texts(metadata, org_name=reporter, email=f"postmaster@{reporter}", report_id=f"{record.domain}.{span[0]}")
    _texts(Xml.SubElement(metadata, "date_range"), begin=span[0], end=span[1])
    strict = {True: "s", False: "r"}
    policy = {"domain": record.domain, "adkim": strict[record.is_dkim_strict], "aspf": strict[record.is_spf_strict]}
    policy |= {"p": record.policy, "sp": record.for_subdomains or record.policy, "pct": str(record.percent)}
    _texts(Xml.SubElement(root, "policy_published"), **policy)
    for (ip, done, author, aligned, spf, signed), count in sorted(rows.items()):
        each = Xml.SubElement(root, "record")
        row = Xml.SubElement(each, "row")
        _texts(row, source_ip=ip, count=count)
        ended = {method: "pass" if method in aligned.split() else "fail" for method in ("dkim", "spf")}
        _texts(Xml.SubElement(row, "policy_evaluated"), disposition=done, **ended)
        _texts(Xml.SubElement(each, "identifiers"), header_from=author)
        results = Xml.SubElement(each, "auth_results")
        for domain, selector, result in signed:
            _texts(Xml.SubElement(results, "dkim"), domain=domain, selector=selector, result=result)
        _texts(Xml.SubElement(results, "spf"), domain=spf[0], result=spf[1])
    Xml.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root) + b"\n"


def _texts(parent: Xml.Element, **texts: object) -> None:
    for name, text in texts.items():
        Xml.SubElement(parent, name).text = str(text)
