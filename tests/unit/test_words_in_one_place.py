"""What a person reads is at the top of its file, as a table of words: an edition in another language translates those.

A function then holds only names, octets of a protocol, and the signs of HTML, CSS, SVG and DOT.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

PACKAGE = Path(__file__).parents[2] / "mailcourse"
ROOMS = ("widgets", "scene", "lessons")
FILES = [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
#: a text may have so many words where it is used: a button's label, a name
MAX_WORDS = 2
#: what is no language: attributes, blocks of CSS and DOT, regular expressions
NOT_LANGUAGE = re.compile(r'="|[{}\\\[\]]|\w:[\w#(-]+;')
TAG, PLACE = re.compile(r"<[^<>]*>|&\w+;"), "…"
#: file → beginnings of texts that are read by a program, so that no edition may translate them
EXCEPTIONS = {
    # what is said to a server
    "widgets/terminal.py": (
        "GET /login",
        "a3 SELECT",
        "a4 FETCH",
        "a7 SEARCH",
        "Subject:",
    ),
    "scene/shapes.py": ("M… …",),  # how SVG writes a path
    "lessons/missing.py": ("name ",),  # Python's own sentence, which is looked for in an error
    "lessons/trials/mailbox.py": ("not an address",),  # the name of a row in the table of `dissect`
}


def text_of(node: ast.AST) -> str:
    """Return what a literal says, with a sign for each value that is put into it."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else PLACE


def is_for_people(text: str) -> bool:
    """True for three words or more, the first of which begins with a letter."""
    plain = TAG.sub(" ", text).strip(f" \n{PLACE}:;,.")
    words = [word for word in plain.split() if re.search("[A-Za-z]", word)]
    return plain[:1].isalpha() and len(words) > MAX_WORDS and not NOT_LANGUAGE.search(TAG.sub(" ", text))


def literals(source: str) -> Iterator[str]:
    """Yield the text of each literal in a function that is no docstring and no key."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    keys = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    seen = parts | bare | keys
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            for node in ast.walk(function):
                if id(node) not in seen and isinstance(node, (ast.JoinedStr, ast.Constant)):
                    seen.add(id(node))
                    yield text_of(node)


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def sentences(path: Path) -> list[str]:
    return [text for text in literals(path.read_text("utf-8")) if is_for_people(text)]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_function_holds_a_sentence_for_people(path: Path) -> None:
    assert [text for text in sentences(path) if not text.startswith(EXCEPTIONS.get(name_of(path), ()))] == []


def test_every_exception_is_still_needed() -> None:
    found = {name_of(path): sentences(path) for path in FILES}
    listed = [(name, start) for name, starts in EXCEPTIONS.items() for start in starts]
    assert [pair for pair in listed if not any(text.startswith(pair[1]) for text in found[pair[0]])] == []


WRAPPED = (
    '"Press it once more."',
    'f"<p>{n} messages wait here.</p>"',
    "f'<b class=\"x\">Not sent yet:</b> {why}'",
)


@pytest.mark.parametrize("literal", WRAPPED)
def test_a_sentence_is_found_in_whatever_it_is_wrapped(literal: str) -> None:
    inside, outside = f"def show(n, why):\n    return {literal}", f"n = why = 0\nWORDS = {{'a': {literal}}}"
    assert [is_for_people(text) for text in literals(inside)] == [True]
    assert list(literals(outside)) == []


NAMES = ("row wrap", "display:flex;gap:1em;color:red", 'role="img" aria-label="', "C: (\\S+) a b", "digraph { a -> b }")


@pytest.mark.parametrize("text", NAMES)
def test_names_and_style_are_no_sentences(text: str) -> None:
    assert not is_for_people(text)


def table_of(tree: ast.Module) -> dict[str, str]:
    """Return the table `WORDS` of a file; empty where it has none."""
    found = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "WORDS" for to in node.targets)
    ]
    return ast.literal_eval(found[0]) if found else {}


def keys_of(node: ast.Subscript) -> list[str]:
    """Return the keys that an access to `WORDS` names, one or the other."""
    asked = {id(each) for one in ast.walk(node.slice) if isinstance(one, ast.IfExp) for each in ast.walk(one.test)}
    return [
        each.value
        for each in ast.walk(node.slice)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in asked
    ]


def accesses(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """Yield each key that is used, with the names of the values that are put into its text."""
    formats = {
        id(node.func.value): {str(given.arg) for given in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "WORDS":
            yield from ((key, formats.get(id(node), set())) for key in keys_of(node))


WITH_WORDS = [path for path in FILES if re.search(r"^WORDS\b", path.read_text("utf-8"), re.MULTILINE)]


@pytest.mark.parametrize("path", WITH_WORDS, ids=name_of)
def test_each_text_is_used_and_gets_the_values_that_it_has_places_for(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert table_of(tree)
    places = {key: {name for _, name, _, _ in Formatter().parse(text) if name} for key, text in table_of(tree).items()}
    used = list(accesses(tree))
    assert [(key, given) for key, given in used if places.get(key) != given] == []
    assert sorted(places.keys() - {key for key, _ in used}) == []
