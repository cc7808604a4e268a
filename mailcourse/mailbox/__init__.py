"""Messages at rest: the Maildir, and whose it is."""
