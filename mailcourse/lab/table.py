"""A table that prints well: as text in a terminal, as HTML in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Table:
    """Rows under named columns.  Iterating gives the rows as dictionaries."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def __iter__(self) -> Iterator[dict[str, object]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, **wanted: object) -> Table:
        """Return the rows with these values.

        >>> Table(("host", "state"), (("mx1", "up"), ("mx2", "down"))).only(state="down")
        host  state
        mx2   down
        """
        kept = [row for row in self.rows if wanted.items() <= dict(zip(self.columns, row, strict=True)).items()]
        return Table(self.columns, tuple(kept))

    def __repr__(self) -> str:
        """Draw the table with aligned columns.

        >>> Table(("host", "address"), (("mail.academy.test", "192.0.2.25"),))
        host               address
        mail.academy.test  192.0.2.25
        """
        lines = [self.columns, *self.rows]
        cells = [[_text(value) for value in line] for line in lines]
        widths = [max(len(line[n]) for line in cells) for n in range(len(self.columns))]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align:left">{escape(column)}</th>' for column in self.columns)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return f'<td style="text-align:left">{escape(_text(value))}</td>'


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)) and not isinstance(value, str):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Make a table of any sequences."""
    return Table(tuple(columns), tuple(tuple(row) for row in rows))
