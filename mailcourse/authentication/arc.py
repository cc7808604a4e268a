"""What did the servers before us find, before they changed the message?  Authenticated Received Chain (RFC 8617).

    ARC-Authentication-Results: i=1; bakery.test; dkim=pass …    what a forwarder found out when it arrived there
    ARC-Message-Signature: i=1; …                                 the message as it sent that on
    ARC-Seal: i=1; cv=none; …                                     these three fields, and all sets before

A list adds a footer and so breaks the author's signature; its seal says that it was there.  Whether to believe a
sealer is for the receiver to say.  Each server adds a set with the next number; `cv` is how it found the chain.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .dkim import (
    BASE64,
    NAME,
    NUMBER,
    TAGS,
    BadSignature,
    Keys,
    Verification,
    read_key,
    read_tags,
    verify_fields,
)
from .octets import Bodies, Octets, RawField, split
from .results import Results, own_results, read
from .signer import Signer
from .signing import MIME, SIGNED, algorithm, signed_field
from .step import Lookup, ProofStep, shown

MAX_SETS = 50  # §4.2.1
RESULTS, MESSAGE, SEAL = NAMES = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"
INSTANCE = re.compile(rb"\s*i\s*=\s*([1-9]\d?)\s*(?:;|$)|(?:[^;]*;)*?\s*i\s*=\s*([1-9]\d?)\s*(?:;|$)")
OF_MESSAGE = {tag: rule for tag, rule in TAGS.items() if tag not in (b"v", b"i")}
OF_SEAL = {
    b"cv": (True, b"none|pass|fail"),
    b"a": (True, rb"rsa-sha256|ed25519-sha256"),
    b"b": (True, BASE64),
    b"d": (True, NAME),
    b"s": (True, NAME),
    b"t": (False, NUMBER),
}


@dataclass(frozen=True, slots=True)
class ArcResult:
    """Is the chain whole?  `sealers` from the first to the newest; `found` is what the first of them wrote down."""

    result: str
    sealers: tuple[str, ...] = ()
    found: Results | None = None
    reason: str = ""
    steps: tuple[ProofStep, ...] = ()


ArcSet = dict[bytes, RawField]


def sets(message: Octets) -> list[ArcSet]:
    """Return the sets in the order of their numbers; raise `BadSignature` when one is missing or not whole (§5.2)."""
    found: dict[int, ArcSet] = {}
    for name in NAMES:
        for field in message.named(name):
            number = INSTANCE.match(field[1][:1000])
            if number is None or name in found.setdefault(int(number[1] or number[2]), {}):
                raise BadSignature("fail", f"a field {name.decode()} has no number, or one that is there twice")
            found[int(number[1] or number[2])][name] = field
    if sorted(found) != list(range(1, len(found) + 1)) or len(found) > MAX_SETS:
        raise BadSignature("fail", f"the sets have the numbers {', '.join(map(str, sorted(found)))}")
    if any(len(one) != len(NAMES) for one in found.values()):
        raise BadSignature("fail", "a set has not its three fields")
    return [found[number] for number in sorted(found)]


async def validate(message: Octets, lookup: Lookup, now: datetime) -> ArcResult:
    """Return whether the chain holds: every seal, and the newest signature of the message (§5.2)."""
    steps, keys, sealers = list[ProofStep](), Keys(lookup), list[str]()
    try:
        chain = sets(message)
        if not chain:
            return ArcResult("none")
        newest = Verification(message, Bodies(message.body), chain[-1][MESSAGE])
        newest.read(now, OF_MESSAGE)
        await newest.ask(keys)
        await asyncio.get_running_loop().run_in_executor(None, newest.compare)
        steps += newest.steps
        if newest.failure:
            raise BadSignature("fail", f"the newest ARC-Message-Signature: {newest.failure.reason}")
        for number in range(len(chain), 0, -1):
            sealers.insert(0, await _check_seal(chain[:number], keys))
            steps.append(ProofStep(f"seal {number}", answer=sealers[0], verdict="holds"))
    except BadSignature as error:
        steps.append(ProofStep("chain", verdict=error.reason))
        return ArcResult("fail", tuple(sealers), None, error.reason, tuple(steps))
    found = read(chain[0][RESULTS][1].partition(b";")[2])
    return ArcResult("pass", tuple(sealers), found, f"sealed by {', '.join(sealers)}", tuple(steps))


async def _check_seal(chain: Sequence[ArcSet], keys: Keys) -> str:
    """Check the last seal of a chain; return the domain that sealed."""
    seal = chain[-1][SEAL]
    tags = read_tags(seal[1], OF_SEAL)
    domain = shown(tags[b"d"])
    if tags[b"cv"] != (b"none" if len(chain) == 1 else b"pass") or b"h" in tags:
        raise BadSignature("fail", f"seal {len(chain)} of {domain} says cv={shown(tags[b'cv'])}")
    question, records = await keys.ask(tags)
    if len(records) != 1:
        raise BadSignature("fail", f"{len(records)} keys at {question}")
    as_relaxed = {**{tag: value for tag, value in tags.items() if tag != b"i"}, b"c": b"relaxed/relaxed"}
    key = read_key(records[0], as_relaxed)
    fields, names = _sealed(chain)
    work = asyncio.get_running_loop().run_in_executor
    if not await work(None, verify_fields, Octets(fields, b""), seal, as_relaxed, names, key):
        raise BadSignature("fail", f"seal {len(chain)} of {domain} does not hold")
    return domain


def _sealed(chain: Sequence[ArcSet]) -> tuple[tuple[RawField, ...], list[bytes]]:
    """Return what a seal covers: all sets, the first first, and of the last one not the seal itself (§5.1.1)."""
    names = [name for _ in chain for name in NAMES][:-1]
    return tuple(one[name] for one in reversed(chain) for name in reversed(NAMES) if name in one), names


def seal(signer: Signer, message: bytes, own: str, now: datetime) -> bytes:
    """Return a set of three fields for a message that is sent on; nothing where the chain has ended (§5.1).

    It says what a server called `own` has noted in its Authentication-Results; where that is missing, nothing.
    """
    octets, noted = split(message), own_results(message, own)
    if noted is None:
        return b""
    field, found = noted
    try:
        chain = sets(octets)
    except BadSignature:
        return b""
    before = next((each.result for each in found.of("arc")), "none")
    if before != ("pass" if chain else "none") or len(chain) >= MAX_SETS:
        return b""
    number, seconds = b"%d" % (len(chain) + 1), b"%d" % int(now.timestamp())
    results = b"ARC-Authentication-Results: i=%b; %b\r\n" % (number, field.strip())
    there = [name.rstrip().lower() for name, _ in octets.fields]
    names = [name for name in there if name in SIGNED or name in MIME or name == b"dkim-signature"]
    who = [(b"a", algorithm(signer)), (b"d", signer.domain.encode()), (b"s", signer.selector.encode()), (b"t", seconds)]
    body = hashlib.sha256(Bodies(octets.body).form(b"relaxed")).digest()
    tags = [
        (b"i", number),
        (b"c", b"relaxed/relaxed"),
        *who,
        (b"h", b" : ".join(names)),
        (b"bh", base64.b64encode(body)),
    ]
    signature = signed_field(signer, octets.fields, b"ARC-Message-Signature", tags, names)
    new: ArcSet = dict(zip(NAMES[:2], split(results + signature + b"\r\n").fields, strict=True))
    fields, sealed = _sealed([*chain, new])
    cv = (b"cv", b"pass" if chain else b"none")
    return signed_field(signer, fields, b"ARC-Seal", [(b"i", number), cv, *who], sealed) + signature + results
