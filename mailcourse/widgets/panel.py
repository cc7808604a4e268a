"""The send panel: a form and a button that sends a real message; beside it, the scene plays its way."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.lab.lab import PlainLab
from mailcourse.lab.sent import PlainSent
from mailcourse.message.address_list import addresses
from mailcourse.message.harmless import visible
from mailcourse.scene.draw import draw
from mailcourse.scene.places import ground_of
from mailcourse.scene.still import bundle

from .journey import JourneyView
from .parts import Box

#: state of a copy → how its chip looks: kind, sign
CHIPS = {
    "delivered": ("good", "✓"),
    "queued": ("later", "…"),
    "relayed": ("good", "→"),
    "forwarded": ("good", "→"),
    "deferred": ("later", "↻"),
    "bounced": ("bad", "✕"),
    "refused": ("bad", "✕"),
    "deleted": ("bad", "✕"),
}
#: what a form says: no Python, for who has pressed a button
WORDS = {
    "not sent": "Not sent.",
    "no reader": "Write the reader's address in the field To, for example bruno@bakery.test.",
    "from": "From",
    "to": "To",
    "subject": "Subject",
    "text": "Text",
    "first subject": "Good morning",
    "first text": "Is there bread today?",
    "send": "Send",
    "send tip": "submit the message to the server",
    "form": "A form to send a message: From, To, Subject, Text, and the button Send.",
}
MAX_SHOWN = 300


class SendPanel(Box):
    """Fill in, press Send, watch the journey.  `sent` is the last message that was sent."""

    def __init__(self, lab: PlainLab) -> None:
        self._lab = lab
        self.sent: PlainSent | None = None
        people = lab.addresses
        wide = {"width": "98%"}
        self.sender = widgets.Dropdown(options=people, description=WORDS["from"], layout=wide)
        self.to = widgets.Text(value=_somebody_else(people), description=WORDS["to"], layout=wide)
        self.subject = widgets.Text(value=WORDS["first subject"], description=WORDS["subject"], layout=wide)
        self.text = widgets.Textarea(value=WORDS["first text"], description=WORDS["text"], rows=3, layout=wide)
        self.button = widgets.Button(description=WORDS["send"], button_style="primary", tooltip=WORDS["send tip"])
        self._result = widgets.HTML()
        self._ground = ground_of(lab.scenario)
        self.journey = JourneyView(ground=self._ground)  # there from the start, so that it can play at once
        self.journey.empty.value = ""
        self.journey.layout.flex, self.journey.layout.min_width = "3 1 560px", "0"
        self.journey.stage.observe(lambda _: self._tell(), "playing")
        self.button.on_click(lambda _: self.send())
        fields = [self.sender, self.to, self.subject, self.text, self.button, self._result]
        form = widgets.VBox(fields, layout={"flex": "1 1 300px", "min_width": "0"})
        both = widgets.HBox([form, self.journey], layout={"flex_flow": "row wrap", "align_items": "flex-start"})
        super().__init__([both])

    def send(self) -> None:
        """Send what is filled in, and show what became of it."""
        self.button.disabled = True
        try:
            if not self.to.value.strip():
                raise LabError(WORDS["no reader"])
            person = self._lab.person(self.sender.value)
            self.sent = person.send(_readers(self.to.value), self.subject.value, self.text.value)
            self._lab.settle()
            self._result.value = _verdict(self.sent)
            self.journey.follow(self.sent.trace, self.sent.message, playing=True)
            self._tell()
        except LabError as error:
            self.journey.leave()  # the way of an earlier message is not that of this one
            self._result.value = (
                f'<div role="alert" class="mc-card bad"><h4>{WORDS["not sent"]}</h4>{escape(visible(str(error)))}</div>'
            )
            self._result.layout.visibility = "visible"
        finally:
            self.button.disabled = False
            self.button.focus()  # a button that rests gives the focus away; who uses keys goes on from here

    def _tell(self) -> None:
        """What became of a message is told when it has been seen."""
        self._result.layout.visibility = "hidden" if self.journey.stage.playing else "visible"

    def __repr__(self) -> str:
        return WORDS["form"]

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        data = shown[0] if isinstance(shown, tuple) else shown
        data["text/plain"] = repr(self)
        data.update(bundle(draw(self._ground, {}, title=repr(self))))
        return shown


def _readers(text: str) -> str | list[str]:
    """Return the addresses in a field, with or without names; what is no address stays as it was written.

    >>> _readers("Bea <bea@bakery.test>, bruno@bakery.test")
    ['bea@bakery.test', 'bruno@bakery.test']
    """
    found = addresses(text.encode())
    whole = [f"{one.local.decode()}@{one.domain.decode()}" for one in found if one.local and one.domain]
    return whole if whole and len(whole) == len(found) else text


def _verdict(sent: PlainSent) -> str:
    """Write what became of each copy."""
    cards = []
    for one in list(sent.status.values())[:20]:
        kind, sign = CHIPS.get(one.state, ("later", "…"))
        chip = f'<span class="mc-chip {kind}">{sign} {escape(one.state)}</span>'
        words = escape(visible(one.words[:MAX_SHOWN]))
        cards.append(
            f'<div class="mc-card {kind}" role="status">{chip} {escape(visible(one.recipient))}<br>{words}</div>'
        )
    return "".join(cards)


def _somebody_else(people: list[str]) -> str:
    """Return somebody of another domain than the first person's, so that the message travels."""
    domain = people[0].rpartition("@")[2]
    return next((address for address in people if not address.endswith(f"@{domain}")), people[0])
