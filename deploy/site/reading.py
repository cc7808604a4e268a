"""The pages around JupyterLab: where to begin, and the lessons as plain HTML with their saved outputs.

notebook ──► cells ──► Markdown by mistune, code escaped, outputs in the form that needs no script ──► read/00-….html
"""

from __future__ import annotations

import json
import re
import shutil
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import mistune

HERE = Path(__file__).resolve().parent
#: Pages of docs/ to which lessons lead.
PAGES = ("glossary", "misconceptions", "teaching")
#: Forms of an output, best first; a widget itself needs a kernel.
FORMS = ("image/svg+xml", "image/png", "text/html", "text/plain")


def make(site: Path, root: Path) -> None:
    """Write the start page and the reading edition of a course into a site."""
    shutil.copy(HERE / "pages.css", site)
    lessons = sorted((root / "notebooks").glob("[0-9]*.ipynb"))
    exercises = sorted((root / "exercises").glob("*/*.ipynb"))
    rows = [
        f'<li><a href="{run(root, lesson)}">{escape(title_of(lesson))}</a>'
        f' (<a href="read/{lesson.stem}.html">read</a>)</li>'
        for lesson in lessons
    ]
    tasks = [f'<li><a href="{run(root, exercise)}">{escape(title_of(exercise))}</a></li>' for exercise in exercises]
    start = Template((HERE / "start.html").read_text())
    (site / "index.html").write_text(start.substitute(lessons="\n".join(rows), exercises="\n".join(tasks)))
    (site / "read").mkdir(exist_ok=True)
    frame = Template((HERE / "read.html").read_text())
    for number, lesson in enumerate(lessons):
        near = [(number - 1, "Before"), (number + 1, "Next")]
        around = [
            f'<a href="{lessons[there].stem}.html">{word}: {escape(title_of(lessons[there]))}</a>'
            for there, word in near
            if 0 <= there < len(lessons)
        ]
        around.append(f'<a class="begin" href="../{run(root, lesson)}">Run this lesson</a>')
        page = frame.substitute(title=escape(title_of(lesson)), around=" ".join(around), body=body_of(lesson))
        (site / "read" / f"{lesson.stem}.html").write_text(page)
    for name in PAGES:
        text = (root / "docs" / f"{name}.md").read_text()
        title = text.splitlines()[0].removeprefix("# ")
        page = frame.substitute(title=escape(title), around="", body=html_of(text))
        (site / "read" / f"{name}.html").write_text(page)


def run(root: Path, notebook: Path) -> str:
    """Return the address at which a notebook can be run, seen from the start page."""
    return f"lab/index.html?path={notebook.relative_to(root).as_posix()}"


def html_of(text: str) -> str:
    """Return Markdown as HTML; a link to a notebook or a page leads to the page that is read here."""
    made = str(mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])(text))
    return re.sub(r'href="([^":]*?)([\w-]+)\.(ipynb|md)(#[^"]*)?"', _link, made)


def _link(found: re.Match[str]) -> str:
    folder, name, kind = found[1], found[2], found[3]
    if name in PAGES or (kind == "ipynb" and name[0].isdigit() and "exercises" not in folder):
        return f'href="{name}.html{found[4] or ""}"'
    if kind == "ipynb" and name != "index":
        place = f"exercises/{name}/{name}" if "exercises" in folder else f"notebooks/{name}"
        return f'href="../lab/index.html?path={place}.ipynb"'
    return 'href="../index.html"'


def title_of(notebook: Path) -> str:
    """Return the first heading of a notebook."""
    for cell in json.loads(notebook.read_text())["cells"]:
        for line in "".join(cell["source"]).splitlines():
            if cell["cell_type"] == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return notebook.stem


def body_of(notebook: Path) -> str:
    """Return a notebook's cells as HTML."""
    parts, later = [], held_back(notebook)
    for cell in json.loads(notebook.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(html_of(source))
        elif source.strip():
            code = f'<div class="code"><pre tabindex="0">{escape(source)}</pre></div>'
            is_answer = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
            parts.append(folded("The answer", code) if is_answer else code)
            parts += [shown(output) for output in cell["outputs"]]
            if told := "\n".join(map(shown, later.get(cell["id"], ()))):
                parts.append(folded("What happens", told))
    return "\n".join(parts)


def held_back(notebook: Path) -> dict[str, Any]:
    """Return what cells of a notebook show that is in no saved one: it would answer a question beside it."""
    kept = notebook.parents[1] / "tests" / "held_back" / f"{notebook.stem}.json"
    return dict(json.loads(kept.read_text())) if kept.exists() else {}


def folded(words: str, html: str) -> str:
    """Return HTML that a reader opens when she has thought."""
    return f"<details><summary>{words}</summary>{html}</details>"


def shown(output: dict[str, Any]) -> str:
    """Return an output as HTML."""
    if output["output_type"] == "stream":
        return f'<pre tabindex="0">{escape("".join(output["text"]))}</pre>'
    if output["output_type"] == "error":
        return f'<pre tabindex="0">{escape(output["ename"])}: {escape(output["evalue"])}</pre>'
    data = {kind: "".join(value) for kind, value in output["data"].items() if not isinstance(value, dict)}
    words = escape(data.get("text/plain", "a picture")[:500], quote=True)
    form = next((kind for kind in FORMS if data.get(kind)), "")
    if form == "image/png":
        return f'<p><img alt="{words}" src="data:image/png;base64,{data[form].strip()}"></p>'
    if form in ("image/svg+xml", "text/html"):
        return f"<div>{data[form]}</div>"
    return f'<pre tabindex="0">{escape(data.get("text/plain", ""))}</pre>'
