"""Access: how the owner fetches mail that is already in the mailbox.  POP3 takes copies, IMAP looks in place.

A session is sans-I/O: bytes in, replies out.  `serve.py` puts one on a socket.
"""
