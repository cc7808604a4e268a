"""What a cell asks for and cannot have: one sentence that says what to do, never an error of the system's."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab, LabError, SavedTrace

LONG = "x" * 10_000

#: lines for a zone, and what is said of them
ZONE_LINES: list[tuple[str, str]] = [
    ("$GENERATE 1-100000000 h$ A 192.0.2.1", "too long"),
    ("$GENERATE 1-5001 h$ A 192.0.2.1", "too long"),
    ("$GENERATE 1-3000 h$ A 192.0.2.1\n$GENERATE 1-3000 i$ A 192.0.2.1", "too long"),
    ("$generate 1-" + "9" * 5000 + " h$ A 192.0.2.1", "too long"),
    ("$GENERATE 1-2 h${0,1000000000,d} A 192.0.2.1", "too long"),
    ("$INCLUDE /etc/hostname", "not allowed"),
    ("d DNAME other.test.", "type DNAME are not served"),
    ("@ NSEC a.bakery.test. A", "type NSEC are not served"),
    ("@ RRSIG A 8 2 3600 20300101000000 20200101000000 1 bakery.test. AAAA", "type RRSIG are not served"),
    ("x 2147483648 A 192.0.2.1", "a TTL is 2147483647 seconds at most"),
    ("x 4294967295 A 192.0.2.1", "a TTL is 2147483647 seconds at most"),
    ("$TTL 99999999999", "TTL should be"),
    (f"{LONG} A 192.0.2.1", "label is > 63 octets"),
    ("@ MX 70000 mx1", "not an unsigned 16-bit integer"),
    ("x A ( 192.0.2.1", "unbalanced parentheses"),
    ("x TXT \udcff", "surrogates"),
    ("\n".join(f"h{n} A 192.0.2.1" for n in range(100_000)), "too long"),
]


@pytest.mark.parametrize(("line", "words"), ZONE_LINES, ids=[line[:30] for line, _ in ZONE_LINES])
@pytest.mark.timeout(20)
def test_a_line_that_no_zone_has_is_told_and_changes_nothing(lab: Lab, line: str, words: str) -> None:
    before = lab.zone("bakery.test").text
    with pytest.raises(LabError, match=words) as told:
        lab.zone("bakery.test").add(line)
    assert len(str(told.value)) < 700
    assert lab.zone("bakery.test").text == before


@pytest.mark.timeout(60)
def test_the_line_of_an_error_is_found_in_a_long_zone(lab: Lab) -> None:
    zone = lab.zone("bakery.test")
    many = "\n".join(f"h{number} A 192.0.2.1" for number in range(2000))
    with pytest.raises(LabError, match=r"line 2\d\d\d, .*unknown rdatatype 'BAR'"):
        zone.edit(f"{zone.text}{many}\nfoo BAR\n")


CALLS: list[Callable[[Lab], object]] = [
    lambda lab: lab.clock.advance(days=10**7),
    lambda lab: lab.clock.advance(days=10**400),
    lambda lab: lab.clock.advance(hours=math.inf),
    lambda lab: lab.clock.advance(minutes=math.nan),
    lambda lab: lab.clock.advance(seconds=-1),
    lambda lab: lab.fault("mx1.bakery.test", "down", after_minutes=1e18),
    lambda lab: lab.fault("mx1.bakery.test", "down", for_minutes=1e300),
    lambda lab: lab.person(LONG),
    lambda lab: lab.host(LONG),
    lambda lab: lab.zone(LONG),
    lambda lab: lab.zone("a..b"),
    lambda lab: lab.queue("mx1.bakery.test").flush(LONG),
    lambda lab: lab.queue("mx1.bakery.test").delete("../../../lock"),
    lambda lab: lab.person("bruno@bakery.test").create_folder(LONG),
    lambda lab: lab.person("bruno@bakery.test").folder(LONG),
    lambda lab: lab.person("bruno@bakery.test").device(LONG),
    lambda lab: lab.person("alice@academy.test").send(to=f"{LONG}@bakery.test"),
    lambda lab: lab.dns.lookup(LONG),
    lambda lab: lab.alias(LONG, "bruno@bakery.test"),
    lambda lab: lab.capture(f"/tmp/{LONG}"),
    lambda lab: lab.capture(tempfile.gettempdir()),
    lambda lab: lab.save_trace(lab.path / "no folder" / "x"),
    lambda lab: SavedTrace(lab.path),
    lambda lab: SavedTrace(sys.executable),
    lambda lab: Lab(LONG),
    lambda lab: Lab("a\0b"),
    lambda lab: Lab(name="other", path=Path(sys.executable)),
    lambda lab: Lab(name="other", path=Path(sys.executable) / "below"),
    lambda lab: Lab(name="other", path=f"/tmp/{LONG}"),
    lambda lab: Lab(name="other", path="/tmp/a\0b"),
    lambda lab: Lab(name="other", path=os.devnull),
    lambda lab: Lab(name="other", clock="live", speed=0),
    lambda lab: Lab(name="other", clock="live", speed=math.inf),
]


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_a_call_that_cannot_be_says_what_to_do(lab: Lab, call: Callable[[Lab], object]) -> None:
    with pytest.raises(LabError) as told:
        call(lab)
    assert 20 < len(str(told.value)) < 1500
    assert str(told.value).rstrip().endswith((".", ")"))
    assert lab.settle().is_open


def test_a_folder_that_nobody_may_write_to_is_told(tmp_path: Path) -> None:
    program = "from mailcourse import Lab; Lab(path='/proc/mailcourse')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "LabError: '/proc/mailcourse' cannot be used: " in done.stderr
    assert "Give a file or folder that you may read and write." in done.stderr


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The folder of a lab whose kernel was killed."""
    program = (
        "import os; from mailcourse import Lab; print(Lab('two-offices').path, flush=True); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment)
    return Path(done.stdout.strip())


def test_what_a_killed_kernel_left_is_swept_by_the_next_after_an_hour(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stranger = tmp_path / "mailcourse-notes"
    stranger.mkdir()
    with Lab("two-offices", name="young"):
        assert killed.exists(), "it may be just being made"
    os.utime(killed / "lock", (0, 0))
    with Lab("two-offices", name="first") as first:
        assert not killed.exists()
        os.utime(first.path / "lock", (0, 0))
        with Lab("two-offices", name="second"):
            assert (first.path / "hosts").exists(), "a lab that lives is left alone, however old"
    assert stranger.exists()
    shutil.rmtree(stranger)
