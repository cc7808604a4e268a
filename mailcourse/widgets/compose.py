"""The form to write a message: the headers that are shown, the envelope that routes, the octets that are sent.

    From, To, Cc, Bcc, Subject, Text, files      what the reader will see; Bcc is not
    ▸ Envelope   MAIL FROM, RCPT TO              where it goes; follows the headers until somebody edits it
    Look at the raw message, Send                both take the same letter, as long as no field was changed

The form only asks the person's mail program (`person.draft`, `person.submit`); it writes no header itself.
`follow`, `notes` and `states` are functions from values to values; `ComposeView` is fields around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.person import Letter, Mail, PlainPerson
from mailcourse.lab.sent import PlainSent, status
from mailcourse.lab.table import table
from mailcourse.message.harmless import visible

from .journey import JourneyView
from .live import LiveView
from .parts import button
from .reading import source

#: fields of the header: attribute, its label
FIELDS = {"from_header": "From", "to": "To", "cc": "Cc", "bcc": "Bcc", "subject": "Subject"}
#: what a person reads
WORDS = {
    "by you": "written by you, into the form",
    "by program": "written by the mail program, from its settings",
    "hidden": "{names}: in the envelope only; no header tells",
    "no hidden": "nobody; there is no such header",
    "sender": "<{address}>, said to the server before the message; a bounce would go there",
    "recipients": "{addresses}; this decides where it goes",
    "from": "{wrote}; nobody has checked it",
    "date": "written by the mail program on {machine}, from that machine's clock",
    "message-id": "made up by the mail program on {machine}; an answer will refer to it",
    "content-type": "written by the mail program: the parts of the message, and the line between them",
    "in all": "in all",
    "octets": "{count:,} octets; every line ends with CR LF",
    "recipient": "recipient",
    "state": "state",
    "in words": "in words",
    "see": "Look at the raw message",
    "see tip": "the octets that Send will send",
    "send": "Send",
    "send tip": "submit the message to the server, on port 587",
    "text": "Text",
    "html hint": "<p>the same with markup</p>",
    "attach": "Attach files",
    "remove": "Remove files",
    "remove tip": "send without attachments",
    "follow": "Follow the headers",
    "follow tip": "put MAIL FROM and RCPT TO back",
    "envelope": "Envelope",
    "html body": "HTML body",
    "edited": "{names}: as you edited it, whatever the headers say.",
    "and": " and ",
    "follows": "The envelope follows the headers.",
    "file": "{name} ({count:,} octets)",
    "changed": "A field was changed: look at the raw message again.",
    "not sent": "Not sent. ",
    "but sent": "Sent, but: ",
    "no recipient": "There is no recipient. Write the reader's address into the field To.",
    "who": "who wrote it",
    "itself": "The message itself:",
    "not yet": "Not sent yet: Send will send just this.",
    "form": "A form to write a message: From, To, Cc, Bcc, Subject, Text, files; its envelope; the button Send.",
}


def follow(own: str, from_header: str, *fields: str) -> tuple[str, str]:
    """Return the envelope that fits the headers: MAIL FROM, and RCPT TO with everybody once.

    >>> follow("alice@academy.test", "The Dean <dean@academy.test>", "bea@bakery.test", "", "Bea@bakery.test, x@y.test")
    ('dean@academy.test', 'bea@bakery.test, x@y.test')
    """
    shown = from_header[:2000]
    sender = (re.findall(r"<([^<>]*)>", shown) or re.findall(r"[^\s<>(),]+@[^\s<>(),]+", shown) or [""])[-1]
    names = [name.strip() for field in fields for name in field.split(",") if name.strip()]
    unique: dict[str, str] = {}
    for name in names:
        unique.setdefault(name.lower(), name)
    return (sender if "@" in sender else own), ", ".join(unique.values())


def notes(letter: Letter, machine: str, hidden: Sequence[str], *, is_forged: bool) -> list[tuple[str, str]]:
    """Say who wrote what: (what is looked at, one sentence)."""
    wrote = WORDS["by you"] if is_forged else WORDS["by program"]
    secret = WORDS["hidden"].format(names=", ".join(hidden)) if hidden else WORDS["no hidden"]
    rows = [
        ("MAIL FROM", WORDS["sender"].format(address=letter.sender)),
        ("RCPT TO", WORDS["recipients"].format(addresses=", ".join(f"<{name}>" for name in letter.recipients))),
        ("From", WORDS["from"].format(wrote=wrote)),
        ("Date", WORDS["date"].format(machine=machine)),
        ("Message-ID", WORDS["message-id"].format(machine=machine)),
        ("Bcc", secret),
    ]
    if b"boundary=" in letter.raw.partition(b"\r\n\r\n")[0]:
        rows.append(("Content-Type", WORDS["content-type"]))
    return [*rows, (WORDS["in all"], WORDS["octets"].format(count=len(letter.raw)))]


def states(sent: PlainSent, events: Sequence[Any]) -> str:
    """Write where each recipient's copy is, as HTML, without waiting for the lab."""
    rows = [(one.recipient, one.state, one.words) for one in status(events, sent.recipients, sent.message)]
    return str(table((WORDS["recipient"], WORDS["state"], WORDS["in words"]), rows)._repr_html_())


class ComposeView(LiveView):
    """Write, look, send.  `sent` is the last message that was sent, `attachments` what goes along."""

    def __init__(
        self,
        lab: PlainLab,
        person: PlainPerson,
        *,
        filled: dict[str, str] | None = None,
        answers: Mail | None = None,
        when_sent: Callable[[], object] = lambda: None,
    ) -> None:
        self.person, self._answers, self._when_sent = person, answers, when_sent
        self.sent: PlainSent | None = None
        self._own = f"{person.name} <{person.address}>"
        self._written: tuple[Any, Letter] | None = None
        self._make_fields({"from_header": self._own, **(filled or {})})
        self._make_envelope()
        self.result, self.raw = widgets.HTML(), widgets.HTML()
        self.journey = JourneyView()  # there from the start, so that it can play at once
        self.journey.layout.display = "none"
        self.see = button(WORDS["see"], WORDS["see tip"])
        self.button = button(WORDS["send"], WORDS["send tip"])
        self.button.button_style = "primary"
        self.see.on_click(lambda _: self._press(self.show_raw))
        self.button.on_click(lambda _: self._press(self.send))
        for field in (*self.fields.values(), self.text, self.html, self.upload, self.mail_from, self.rcpt_to):
            field.observe(lambda _: self._forget_raw(), "value")
        super().__init__(
            lab,
            [
                *self.fields.values(),
                self.text,
                widgets.HBox([self.upload, self.remove, self.listed], layout={"flex_flow": "row wrap"}),
                self.more,
                widgets.HBox([self.see, self.button], layout={"flex_flow": "row wrap"}),
                self.result,
                self.journey,
                self.raw,
            ],
        )

    # ---- fields --------------------------------------------------------------------------------------

    def _make_fields(self, filled: dict[str, str]) -> None:
        self.fields = {name: _text(label, filled.get(name, "")) for name, label in FIELDS.items()}
        self.text = widgets.Textarea(value=filled.get("text", ""), description=WORDS["text"], rows=6, **_wide())
        self.html = widgets.Textarea(description="HTML", rows=5, placeholder=WORDS["html hint"], **_wide())
        self.upload = widgets.FileUpload(icon="", multiple=True, description=WORDS["attach"], layout={"width": "auto"})
        self.remove = button(WORDS["remove"], WORDS["remove tip"])
        self.listed = widgets.HTML()
        self.remove.layout.display = "none"
        self.upload.observe(lambda _: self._list_files(), "value")
        self.remove.on_click(lambda _: setattr(self.upload, "value", ()))

    def _make_envelope(self) -> None:
        self.mail_from, self.rcpt_to = _text("MAIL FROM", ""), _text("RCPT TO", "")
        self.follow_button = button(WORDS["follow"], WORDS["follow tip"])
        self.status = widgets.HTML()
        self._edited: set[str] = set()
        self._derived = ("", "")
        page = widgets.VBox([self.mail_from, self.rcpt_to, self.follow_button, self.status])
        self.more = widgets.Accordion(
            [page, self.html],
            titles=(WORDS["envelope"], WORDS["html body"]),
            selected_index=None,
            layout={"width": "98%", "max_width": "720px"},
        )
        self.follow_button.layout.align_self = "flex-start"
        for name in ("from_header", "to", "cc", "bcc"):
            self.fields[name].observe(lambda _: self._follow(), "value")
        for name, field in (("MAIL FROM", self.mail_from), ("RCPT TO", self.rcpt_to)):
            field.observe(lambda _, name=name: self._edit(name), "value")
        self.follow_button.on_click(lambda _: self._follow(again=True))
        self._follow()

    def _follow(self, *, again: bool = False) -> None:
        self._derived = follow(self.person.address, *(self.fields[name].value for name in FIELDS if name != "subject"))
        if again:
            self._edited.clear()
        for name, field, value in zip(
            ("MAIL FROM", "RCPT TO"), (self.mail_from, self.rcpt_to), self._derived, strict=True
        ):
            if name not in self._edited:
                field.value = value
        self._tell_envelope()

    def _edit(self, name: str) -> None:
        """A hand has edited the envelope when it is not what follows from the headers."""
        field, value = (self.mail_from, self._derived[0]) if name == "MAIL FROM" else (self.rcpt_to, self._derived[1])
        if field.value != value:
            self._edited.add(name)
        self._tell_envelope()

    def _tell_envelope(self) -> None:
        edited = WORDS["and"].join(sorted(self._edited))
        self.status.value = f'<p role="status">{self._words(edited)}</p>'
        self.follow_button.disabled = not self._edited

    @staticmethod
    def _words(edited: str) -> str:
        return WORDS["edited"].format(names=edited) if edited else WORDS["follows"]

    @property
    def attachments(self) -> list[tuple[str, bytes]]:
        """The files: name and octets."""
        return [(file["name"], bytes(file["content"])) for file in self.upload.value]

    def _list_files(self) -> None:
        files = [WORDS["file"].format(name=visible(name), count=len(octets)) for name, octets in self.attachments]
        self.listed.value = escape("; ".join(files))
        self.remove.layout.display = "" if files else "none"

    def _forget_raw(self) -> None:
        """What was shown is no longer what Send will send."""
        if self.raw.value:
            self.raw.value = ""
            if self.sent is None:
                self.result.value = f"<p>{WORDS['changed']}</p>"

    # ---- doing -----------------------------------------------------------------------------------------

    def _press(self, act: Callable[[], object]) -> None:
        self.do(lambda: self._attempt(act), self.see, self.button)

    def _attempt(self, act: Callable[[], object]) -> None:
        try:
            act()
        except LabError as error:
            word = WORDS["not sent"] if self.sent is None else WORDS["but sent"]
            self.result.value = f'<p role="alert" class="mc-alert"><b>{word}</b>{escape(visible(str(error)))}</p>'
            self.raw.value, self.journey.layout.display = "", "none"

    def letter(self) -> Letter:
        """Return the message that is in the fields; the same one, to the octet, until a field is changed."""
        if not self.rcpt_to.value.strip():
            raise LabError(WORDS["no recipient"])
        values = {name: field.value for name, field in self.fields.items()}
        values["from_header"] = "" if values["from_header"].strip() in ("", self._own) else values["from_header"]
        values |= {"text": self.text.value, "html": self.html.value}
        files = tuple(self.attachments)
        state = (values, files, self.mail_from.value, self.rcpt_to.value)
        if self._written is None or self._written[0] != state:
            written = self.person.draft(
                **values,
                attachments=files,
                answers=self._answers,
                sender=self.mail_from.value.strip(),
                recipients=self.rcpt_to.value,
            )
            self._written = state, written
        return self._written[1]

    def show_raw(self) -> None:
        """Show the octets that Send would send, and who wrote what in them."""
        self.sent, letter = None, self.letter()
        hidden = [name.strip() for name in self.fields["bcc"].value.split(",") if name.strip()]
        is_forged = self.fields["from_header"].value.strip() not in ("", self._own)
        rows = notes(letter, self.person.machine, hidden, is_forged=is_forged)
        self.raw.value = f"{table(('', WORDS['who']), rows)._repr_html_()}<b>{WORDS['itself']}</b>{source(letter.raw)}"
        self.result.value = f"<p>{WORDS['not yet']}</p>"
        self.journey.layout.display = "none"

    def send(self) -> None:
        """Submit the message, and show what became of it."""
        self.sent = None
        self.sent = sent = self.person.submit(self.letter())
        self._written = None  # who sends again, sends another message
        events = sent.events  # settles the lab
        self.result.value = states(sent, events)
        self.journey.layout.display = "flex"
        self.journey.follow(sent.trace, sent.message, playing=True)
        self._when_sent()

    def look(self) -> None:
        """Show where the copies are now."""
        if self.sent is not None:
            self.result.value = states(self.sent, self.lab.trace.journey(self.sent.message))

    def __repr__(self) -> str:
        return WORDS["form"]


def _wide() -> dict[str, Any]:
    return {"layout": {"width": "98%", "max_width": "720px"}, "style": {"description_width": "90px"}}


def _text(label: str, value: str) -> widgets.Text:
    return widgets.Text(value=value, description=label, **_wide())
