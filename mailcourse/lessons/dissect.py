"""What are the parts of this address?  From the text of a header field, or a bare address.

    "Bea, bakery" <bea+cakes@bakery.test>
     display name   local part  domain

Reads with the same two functions as the mail system: `message/address_list.py` for what is in a
header (RFC 5322 §3.4), `message/address.py` for what may be in an envelope (RFC 5321 §4.1.2).
"""

from __future__ import annotations

from mailcourse.lab.table import Table, table
from mailcourse.message.address import LOCAL, read
from mailcourse.message.address_list import END_OF_GROUP, ListedAddress, addresses
from mailcourse.message.fields import decode_words

PART, TEXT, WHAT = "part", "text", "what it is"
NAME = ("display name", "for people to read; anybody can write anything")
WRITTEN = ("as written", "a display name in an encoded word, RFC 2047")
GROUP = ("group", "a name for the addresses behind it, RFC 5322 §3.4")
LOCAL_PART = ("local part", "only the servers of the domain know what it means")
TAG = ("tag", "perhaps a tag: only the servers of the domain know")
DOMAIN = ("domain", "a DNS name; the DNS says which hosts take its mail")
ON_WIRE = ("in the DNS", "the same domain in ASCII, RFC 5890")
LITERAL = ("address literal", "a machine, called without the DNS, RFC 5321 §4.1.3")
UTF8 = ("needs", "every server on the way must offer it, RFC 6531")
NO = "not an address"


def dissect(text: str) -> Table:
    """Cut every address in `text` into its parts.

    >>> dissect("Bea <bea@bakery.test>")
    part          text         what it is
    display name  Bea          for people to read; anybody can write anything
    local part    bea          only the servers of the domain know what it means
    domain        bakery.test  a DNS name; the DNS says which hosts take its mail
    """
    rows: list[tuple[str, str, str]] = []
    for address in addresses(text.encode()):
        if address != END_OF_GROUP:
            rows += _group(address) if address.domain is None else _mailbox(address, text)
    return table((PART, TEXT, WHAT), rows)


def _group(address: ListedAddress) -> list[tuple[str, str, str]]:
    return [(GROUP[0], (address.local or b"").decode(), GROUP[1])]


def _mailbox(listed: ListedAddress, text: str) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    if listed.name:
        name = listed.name.decode()
        shown = decode_words(name)
        rows.append((NAME[0], shown, NAME[1]))
        rows += [(WRITTEN[0], name, WRITTEN[1])] if shown != name else []
    local, domain = (listed.local or b"").decode(), (listed.domain or b"").decode()
    written = local if LOCAL.fullmatch(local) or not {*' "(),:;<>@[]\\'} & {*local} else f'"{local}"'
    whole = f"{written}@{domain}" if domain else written
    if whole not in text:  # the reader of headers forgives spaces, an envelope does not
        whole = next((piece.strip() for piece in text.split(",") if whole in piece.replace(" ", "")), text.strip())
    address = read(whole)
    if isinstance(address, str):
        return [*rows, (NO, whole, address)]
    rows.append((LOCAL_PART[0], address.local, LOCAL_PART[1]))
    tag = address.local.partition("+")[2]
    rows += [(TAG[0], tag, TAG[1])] if tag and not address.local.startswith('"') else []
    if address.literal is not None:
        return [*rows, (LITERAL[0], address.literal, LITERAL[1])]
    rows.append((DOMAIN[0], address.domain, DOMAIN[1]))
    if not address.domain.isascii():
        # Python's codec is the IDNA of 2003; the newer one differs for a few letters, such as ß.
        rows.append((ON_WIRE[0], address.domain.encode("idna").decode(), ON_WIRE[1]))
    rows += [(UTF8[0], "SMTPUTF8", UTF8[1])] if not address.local.isascii() else []
    return rows
