"""What every lesson needs: ask before the experiment, compare after it, and show the code that did it.

    predict(question, *answers)     ask; what is chosen is remembered     prediction.py
      … .compare(what_happened)     did it match, and why is it so?
    fill_in("envelope", answer)     a cell that the reader writes, tried at once  fill_in.py
    open_the_hood(function)         the few lines of mailcourse that ran   hood.py
    speak(lab, host)                SMTP by hand                            dialogue.py
    explain_header(mail), …        a whole header, a whole conversation   annotate.py
    checklist(lab, "bakery.test")   is a mail service complete?             checklist.py
    real_config("main.cf")          the same in Postfix and Dovecot         real_config.py
    clinic(1)                       a broken world to repair                clinic.py
    dissect(text)                   an address, cut into its parts         dissect.py
    read_headers(text)              the way of any message, from its header read_headers.py
    draw_states(NEXT), …          pictures of rules, from tables          figures.py
    self_check("01")                the questions at the end of a lesson   selfcheck.py

Knows the lab's public face and nothing of servers.  Notebooks import it; nothing in the package does.
"""

from .annotate import explain_dialogue, explain_header
from .checklist import checklist
from .clinic import clinic
from .dialogue import speak
from .dissect import dissect
from .figures import draw_decision, draw_maildir, draw_roles, draw_states
from .fill_in import fill_in
from .hood import open_the_hood
from .missing import explain_missing_names
from .prediction import predict
from .read_headers import read_headers, specimen
from .real_config import real_config
from .selfcheck import self_check

__all__ = [
    "checklist",
    "clinic",
    "dissect",
    "draw_decision",
    "draw_maildir",
    "draw_roles",
    "draw_states",
    "explain_dialogue",
    "explain_header",
    "fill_in",
    "open_the_hood",
    "predict",
    "read_headers",
    "real_config",
    "self_check",
    "speak",
    "specimen",
]

explain_missing_names()
