"""The pages around JupyterLab: where to begin, and the lessons as plain HTML with their saved outputs.

notebook ──► cells ──► Markdown by mistune, code escaped, outputs in the form that needs no script ──► read/00-….html
"""

from __future__ import annotations

import json
import shutil
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import mistune

HERE = Path(__file__).resolve().parent
#: Forms of an output, best first; a widget itself needs a kernel.
FORMS = ("image/svg+xml", "image/png", "text/html", "text/plain")


def make(site: Path, notebooks: list[Path], exercises: list[Path]) -> None:
    """Write the start page and the reading edition into a site."""
    shutil.copy(HERE / "pages.css", site)
    titles = {notebook: title_of(notebook) for notebook in [*notebooks, *exercises]}
    lessons = [notebook for notebook in notebooks if notebook.name[0].isdigit()]
    rows = [
        f'<li><a href="lab/index.html?path={lesson.name}">{escape(titles[lesson])}</a>'
        f' (<a href="read/{lesson.stem}.html">read</a>)</li>'
        for lesson in lessons
    ]
    tasks = [
        f'<li><a href="lab/index.html?path=exercises/{exercise.name}">{escape(titles[exercise])}</a></li>'
        for exercise in exercises
    ]
    start = Template((HERE / "start.html").read_text())
    (site / "index.html").write_text(start.substitute(lessons="\n".join(rows), exercises="\n".join(tasks)))
    (site / "read").mkdir(exist_ok=True)
    frame = Template((HERE / "read.html").read_text())
    for number, lesson in enumerate(lessons):
        near = [(number - 1, "Before"), (number + 1, "Next")]
        around = [
            f'<a href="{lessons[there].stem}.html">{word}: {escape(titles[lessons[there]])}</a>'
            for there, word in near
            if 0 <= there < len(lessons)
        ]
        page = frame.substitute(
            title=escape(titles[lesson]), notebook=lesson.name, around=" ".join(around), body=body_of(lesson)
        )
        (site / "read" / f"{lesson.stem}.html").write_text(page)


def title_of(notebook: Path) -> str:
    """Return the first heading of a notebook."""
    for cell in json.loads(notebook.read_text())["cells"]:
        for line in "".join(cell["source"]).splitlines():
            if cell["cell_type"] == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return notebook.stem


def body_of(notebook: Path) -> str:
    """Return a notebook's cells as HTML."""
    markdown = mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])
    parts = []
    for cell in json.loads(notebook.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(str(markdown(source)))
        elif source.strip():
            parts.append(f'<div class="code"><pre tabindex="0">{escape(source)}</pre></div>')
            parts += [shown(output) for output in cell["outputs"]]
    return "\n".join(parts)


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
