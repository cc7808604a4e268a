"""What a mailbox refuses to its owner, such as a second folder of the same name.

The text is meant for the owner: a program may show it, and a server may send it.  Other errors of the mailbox,
such as a damaged file, are for whoever runs the server, and stay there.
"""

from __future__ import annotations

from mailcourse.internet.errors import LabError


class MailboxRefusal(LabError):
    """The mailbox does not do that; the text tells its owner why."""
