"""The webmail: a mail program behind a web page.  Three protocols, and the person's browser speaks only the first.

browser ── HTTP ──► webmail ── IMAP ────────► the mailbox
                            └─ submission ──► the person's own server, as any mail program

http.py        octets ─► Request, Response ─► octets; knows no sockets
connection.py  one browser's connection, its times, and the threads where pages are made
site.py        which request asks for what, and whether it may
pages.py       what is shown: templates/, pages.css
mailbox.py     what is asked of the mail servers
sessions.py    who is logged in; tokens against forged forms
browser.py     the other end: a small browser over the lab's own wires
"""
