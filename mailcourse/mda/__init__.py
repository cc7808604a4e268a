"""The MDA: puts a message that has arrived into the mailbox of the person it is for."""
