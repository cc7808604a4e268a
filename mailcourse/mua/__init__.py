"""The mail program of a person: writes, submits and reads.  It speaks with the standard library's clients."""
