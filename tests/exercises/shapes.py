"""Honest submissions in the shapes that editors, platforms and people give them, each with its points of 24."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from submissions import NAME, RIGHT, notebook


@dataclass(frozen=True)
class Shape:
    """One submission: what it is, under which path, its octets, points, and words that the list should say of it."""

    what: str
    path: str
    octets: bytes
    points: float = 24
    says: str = ""
    student: str = ""  # the name in the list, where it is not the first folder's


def right(name: str) -> Any:
    """Return the notebook of somebody who has everything right."""
    made = json.loads(json.dumps(notebook("exercises", NAME)))
    for cell in made["cells"]:
        cell["source"] = cell["source"].replace('STUDENT = ""', f'STUDENT = "{name}"')
        task = cell["metadata"].get("mailcourse", {}).get("task")
        cell["source"] = RIGHT.get(task, cell["source"])
    return made


def graded(made: Any, grade_id: str) -> Any:
    """Return one cell of the exercise."""
    return next(cell for cell in made["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def without_ids(made: Any) -> None:
    for cell in made["cells"]:
        cell.pop("id", None)
    made["nbformat_minor"] = 4


def without_metadata(made: Any) -> None:
    for cell in made["cells"]:
        cell["metadata"] = {}


def vscode(made: Any) -> None:
    without_ids(made)
    made["metadata"]["vscode"] = {"interpreter": {"hash": "31f2aee4e71d21fbe5cf8b01ff0e069b"}}
    for cell in made["cells"]:
        cell["metadata"]["vscode"] = {"languageId": "python"}


def colab(made: Any) -> None:
    without_metadata(made)
    without_ids(made)
    made["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    for number, cell in enumerate(made["cells"]):
        cell["metadata"] = {"id": f"kZx{number:09}", "outputId": "9e2c"}


def worksheets(made: Any) -> None:
    cells = made.pop("cells")
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
    made.update(worksheets=[{"cells": cells}], nbformat=3, nbformat_minor=0)


def carriage_returns(made: Any) -> None:
    for cell in made["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")


def big_output(made: Any) -> None:
    text = {"output_type": "stream", "name": "stdout", "text": "x" * 25_000_000}
    graded(made, "wire")["outputs"] = [text]


def stray(made: Any) -> None:
    other = next(c for c in notebook("exercises", "02-dns").cells if c.get("id") == "zone-check")
    made["cells"].insert(5, json.loads(json.dumps(other)))


def renamed(made: Any) -> None:
    graded(made, "wire")["source"] = RIGHT["wire"].replace("on_the_wire", "primero")


def renamed_in_both(made: Any) -> None:
    renamed(made)
    check = graded(made, "wire-check")
    check["source"] = check["source"].replace("on_the_wire", "primero")


def without_check(made: Any) -> None:
    made["cells"].remove(graded(made, "wire-check"))


def twice(*grade_ids: str) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        for grade_id in grade_ids:
            cell = graded(made, grade_id)
            made["cells"].insert(made["cells"].index(cell) + 1, copy.deepcopy(cell))

    return change


def first_try_above(made: Any) -> None:
    """The answer was copied and the copy improved; the first try is still above it."""
    twice("wire")(made)
    graded(made, "wire")["source"] = "def on_the_wire(domain):\n    return domain"


def in_the_check(made: Any) -> None:
    """The answer was written above `check`, in its cell."""
    check = graded(made, "wire-check")
    check["source"] = RIGHT["wire"] + "\n\n" + check["source"]
    graded(made, "wire")["source"] = "# see below"


def in_two_cells(made: Any) -> None:
    """The answer is in a cell of its own, and the one that was meant for it is empty."""
    cell = graded(made, "wire")
    own = {
        "cell_type": "code",
        "id": "mine",
        "metadata": {},
        "source": cell["source"],
        "outputs": [],
        "execution_count": 7,
    }
    made["cells"].insert(made["cells"].index(cell), own)
    cell["source"] = ""


def lively(made: Any) -> None:
    """Magics, a shell, top-level await, a display, an error and a question in cells of her own."""
    sources = ("%matplotlib inline", "!echo hello", "import asyncio\nawait asyncio.sleep(0)", "1 / 0", 'input("?")')
    sources += ("from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))", "%time sum(range(10))")
    for number, source in enumerate(sources):
        own = {"cell_type": "code", "id": f"own{number}", "metadata": {}, "source": source, "outputs": []}
        made["cells"].insert(4, {**own, "execution_count": None})


def only(task: str, answer: str) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        graded(made, task)["source"] = answer

    return change


def file(change: Callable[[Any], None] = lambda made: None, name: str = "") -> bytes:
    made = right(name or change.__name__)
    change(made)
    return json.dumps(made, ensure_ascii=False).encode()


def packed(path: str, octets: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(path, octets)
    return made.getvalue()


BOM, FILE = b"\xef\xbb\xbf", f"{NAME}.ipynb"
MOODLE = "assignsubmission_file"
SHAPES = [
    Shape("UTF-8 with a mark", f"bom/{FILE}", BOM + file(name="bom")),
    Shape("UTF-16, little end first", f"le/{FILE}", file(name="Ñandú").decode().encode("utf-16")),
    Shape("UTF-16, big end first", f"be/{FILE}", b"\xfe\xff" + file(name="be").decode().encode("utf-16-be")),
    Shape("UTF-16 without a mark", f"bare/{FILE}", file(name="bare").decode().encode("utf-16-le")),
    Shape(
        "Windows line ends in the file",
        f"crlf/{FILE}",
        json.dumps(right("crlf"), indent=1).replace("\n", "\r\n").encode(),
    ),
    Shape("Windows line ends in cells", f"cells/{FILE}", file(carriage_returns)),
    Shape("Windows-1252", f"ansi/{FILE}", file(name="Zoé").decode().encode("cp1252", "xmlcharrefreplace")),
    Shape("VS Code", f"vscode/{FILE}", file(vscode)),
    Shape("Colab", f"colab/{FILE}", file(colab)),
    Shape("no ids", f"no ids/{FILE}", file(without_ids)),
    Shape("no metadata", f"no metadata/{FILE}", file(without_metadata)),
    Shape("an old format", f"old/{FILE}", file(worksheets)),
    Shape("25 MB of output", f"big/{FILE}", file(big_output)),
    Shape(
        "5 MB are printed", f"prints/{FILE}", file(only("taken", "print('x' * 5_000_000)\n" + RIGHT["taken"]), "prints")
    ),
    Shape("packed", "packed/entrega.zip", packed(f"a folder/{FILE}", file(name="packed"))),
    Shape("Moodle", f"Ana López_4711_{MOODLE}/{FILE}", file(name="Ana López"), student="Ana López_4711"),
    Shape(
        "Moodle, of the same name", f"Ana López_4712_{MOODLE}_/{FILE}", file(name="Ana L."), student="Ana López_4712"
    ),
    Shape("Moodle, packed", f"Íñigo Peña_12_{MOODLE}/x.zip", packed(FILE, file(name="Íñigo")), student="Íñigo Peña_12"),
    Shape("Moodle, flat", f"Eva Ruiz_88_{MOODLE}_{FILE}", file(name="Eva"), student="Eva Ruiz_88"),
    Shape("Canvas", f"lopezana_4711_88_{FILE}", file(name="c1"), student="lopezana_4711"),
    Shape("Canvas, late", f"lopezana_LATE_4712_89_{FILE}", file(name="c2"), student="lopezana_4712"),
    Shape("a number in the login", f"alumno_101/{FILE}", file(name="a1")),
    Shape("its neighbour", f"alumno_102/{FILE}", file(name="a2")),
    Shape("a file with a number", f"alumno_103_{FILE}", file(name="a3"), student="alumno_103"),
    Shape("a class", f"1A/ana/{FILE}", file(name="1a"), student="1A-ana"),
    Shape("another class", f"1B/ana/{FILE}", file(name="1b"), student="1B-ana"),
    Shape("a date in the name", "maria/entrega 20-nov.ipynb", file(name="maria")),
    Shape("nbgrader", f"exchange/{NAME}/{FILE}", file(name="exchange")),
    Shape("a stray cell", f"stray/{FILE}", file(stray), says="a cell of another exercise"),
    Shape("no check", f"no check/{FILE}", file(without_check), says="cells were missing: wire-check"),
    Shape("an answer twice", f"twice/{FILE}", file(first_try_above), says="the cell wire was there twice"),
    Shape("a check twice", f"checks/{FILE}", file(twice("wire-check"), "checks")),
    Shape("an answer in the check", f"in check/{FILE}", file(in_the_check)),
    Shape("an answer beside its cell", f"beside/{FILE}", file(in_two_cells)),
    Shape("another name", f"renamed/{FILE}", file(renamed), points=21),
    Shape("another name, also in the check", f"both/{FILE}", file(renamed_in_both)),
    Shape("lively", f"lively/{FILE}", file(lively)),
    Shape("no name", f"hub user/{FILE}", file(name="").replace(b'STUDENT = \\"<lambda>\\"', b'STUDENT = \\"\\"')),
]
