"""Pictures are the same in a fresh process as after others."""

from __future__ import annotations

import subprocess
import sys

LABELS = "from mailcourse.widgets.picture import svg; print(svg('digraph { a [label=\"\"]; b }').count('>b</text>'))"


def test_names_stand_in_the_first_picture_of_a_process() -> None:
    ran = subprocess.run([sys.executable, "-c", LABELS], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "1"
