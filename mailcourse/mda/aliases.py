"""Who receives mail for an address?  (RFC 5321 §3.9)

    bruno@bakery.test              a person: the mailbox, or where it is forwarded to
    bruno+orders@bakery.test       the same person; what follows the + is for the reader
    "postmaster@bakery.test"  = ["bea@bakery.test"]            an alias: other addresses
    "staff@bakery.test"       = a list: all its members, with the owner as new envelope sender
    "@bakery.test"            = ["bea@bakery.test"]            everybody else: the catch-all

Addresses lead to addresses until only mailboxes here and addresses elsewhere are left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mailcourse.message.address import Address, key_of, parse


@dataclass(frozen=True, slots=True)
class MailingList:
    """Many recipients behind one address; reports about it go to `owner` (RFC 5321 §3.9.2).

    A `footer` is put below each message; whoever has signed the message's body has not signed that.
    """

    members: tuple[str, ...]
    owner: str
    footer: str = ""


@dataclass(frozen=True, slots=True)
class AddressBook:
    """The addresses that a server answers for; all in lower case."""

    domains: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lists: Mapping[str, MailingList] = field(default_factory=dict)

    def plain(self, address: str) -> str:
        """Take off a +tag if the address is not known with it, and find the catch-all."""
        local, _, domain = address.rpartition("@")
        untagged = f"{local.partition('+')[0]}@{domain}"
        for name in (address, untagged, f"@{domain}"):
            if name in self.people or name in self.aliases or name in self.lists:
                return name
        return address


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an address stands for.  `is_loop`: it leads back to itself, and to nobody else."""

    people: tuple[str, ...]
    elsewhere: tuple[Address, ...]
    is_loop: bool = False

    @property
    def is_nobody(self) -> bool:
        """True when no mailbox and no other address was found."""
        return not self.people and not self.elsewhere


Forwards = Callable[[str], Sequence[str]]


def expand(address: str, book: AddressBook, forwards: Forwards = lambda person: ()) -> Meaning:
    """Return what `address` stands for; `forwards` tells where a person's mail goes, empty for the mailbox.

    >>> book = AddressBook(frozenset({"a.test"}), frozenset({"amir@a.test"}), {"boss@a.test": ["amir@a.test"]})
    >>> expand("Boss+urgent@a.test", book)
    Meaning(people=('amir@a.test',), elsewhere=(), is_loop=False)
    """
    people: dict[str, None] = {}
    elsewhere: dict[str, Address] = {}
    waiting, seen, met_again = [address], set[str](), False
    while waiting:
        written = waiting.pop(0)
        name = key_of(written)
        if name.rpartition("@")[2] not in book.domains:
            elsewhere[name] = parse(written)
            continue
        name = book.plain(name)
        if name in seen:
            met_again = True
            continue
        seen.add(name)
        if name not in book.people:
            waiting += book.aliases.get(name, ())
            waiting += book.lists[name].members if name in book.lists else ()
            continue
        targets = forwards(name)
        to_others = [target for target in targets if key_of(target) != name]
        if not targets or len(to_others) < len(targets):  # one's own address among the targets keeps a copy
            people[name] = None
        waiting += to_others
    nobody = not people and not elsewhere
    return Meaning(tuple(people), tuple(elsewhere.values()), nobody and met_again)
