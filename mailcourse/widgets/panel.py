"""The send panel: from, to, subject, text, and a button that sends a real message."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.sent import PlainSent
from mailcourse.scene.places import ground_of

from .journey import JourneyView


class SendPanel(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Fill in, press Send, watch the journey.  `sent` is the last message that was sent."""

    def __init__(self, lab: PlainLab) -> None:
        self._lab = lab
        self.sent: PlainSent | None = None
        people = lab.addresses
        wide = {"width": "480px"}
        self.sender = widgets.Dropdown(options=people, description="From", layout=wide)
        self.to = widgets.Text(value=_somebody_else(people), description="To", layout=wide)
        self.subject = widgets.Text(value="Good morning", description="Subject", layout=wide)
        self.text = widgets.Textarea(value="Is there bread today?", description="Text", rows=3, layout=wide)
        self.button = widgets.Button(
            description="Send", button_style="primary", tooltip="submit the message to the server"
        )
        self._result = widgets.HTML()
        self.journey = JourneyView(ground=ground_of(lab.scenario))  # there from the start, so that it can play at once
        self.journey.layout.display = "none"
        self.button.on_click(lambda _: self.send())
        fields = [self.sender, self.to, self.subject, self.text]
        super().__init__([*fields, self.button, self._result, self.journey])

    def send(self) -> None:
        """Send what is filled in, and show what became of it."""
        self.button.disabled = True
        try:
            person = self._lab.person(self.sender.value)
            self.sent = person.send(self.to.value, self.subject.value, self.text.value)
            self._lab.settle()
            self._result.value = self.sent._repr_html_()
            self.journey.layout.display = "flex"
            self.journey.follow(self.sent.trace, self.sent.message, playing=True)
        except LabError as error:
            self._result.value = f'<p role="alert" style="color:#B00020"><b>Not sent.</b> {escape(str(error))}</p>'
            self.journey.layout.display = "none"
        finally:
            self.button.disabled = False

    def __repr__(self) -> str:
        return "A form to send a message: From, To, Subject, Text, and the button Send."

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = repr(self)
        return bundle


def _somebody_else(people: list[str]) -> str:
    """Return somebody of another domain than the first person's, so that the message travels."""
    domain = people[0].rpartition("@")[2]
    return next((address for address in people if not address.endswith(f"@{domain}")), people[0])
