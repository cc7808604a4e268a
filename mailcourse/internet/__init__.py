"""The wire, the time and the record beneath every server.  Knows nothing of mail.

This is the only folder that opens sockets, reads the time or makes random values.
"""
