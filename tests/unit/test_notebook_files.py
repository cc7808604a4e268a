"""What is saved under a notebook's name, and is none, is called what it is."""

from __future__ import annotations

import json

import pytest

from mailcourse.marking.notebook import Unreadable, read_cells

WHOLE = json.dumps({"cells": [{"cell_type": "code", "source": "x = 1", "metadata": {}}], "nbformat": 4})

NONE = {
    "empty": (b"", "it is empty"),
    "only a mark": ("\ufeff".encode(), "it is empty"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "it is a PDF file"),
    "a zip file": (b"PK\x03\x04\x14\0", "it is a zip or Office file"),
    "the page of a log-in": (b"<!DOCTYPE html><title>Log in", "it is a web page"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "it is a picture"),
    "a photograph": (b"\xff\xd8\xff\xe0", "it is a picture"),
    "a program": (b"print('hello')", "it is no notebook"),
    "half": (WHOLE[:40].encode(), "it breaks off in the middle"),
    "half in UTF-16": (WHOLE[:40].encode("utf-16"), "it breaks off in the middle"),
    "a comma lost": (WHOLE.replace(", ", " ").encode(), "it is damaged in the middle"),
    "too deep": (b'{"cells": ' + b"[" * 100_000, "it breaks off in the middle"),
    "a list": (b"[]", "it has no cells"),
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_notebook_is_called_what_it_is(name: str) -> None:
    octets, words = NONE[name]
    with pytest.raises(Unreadable, match=words):
        read_cells(octets)


def test_a_notebook_is_read() -> None:
    assert [cell.source for cell in read_cells(WHOLE.encode())] == ["x = 1"]
