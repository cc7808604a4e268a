"""IMAP: the mailbox stays on the server, and every device looks at the same one (RFC 3501, RFC 9051)."""
