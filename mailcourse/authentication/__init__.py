"""May this host, this signature, this domain say so?  What the receiving server can find out about a stranger.

    spf.py       RFC 7208   may this host send for the domain in MAIL FROM?     asks the DNS, at RCPT
    dkim.py      RFC 6376   who has signed this, and is it unchanged?           needs the message and the key
    dmarc.py     RFC 7489   does one of these speak for the domain in From?     and what does its owner want done?
    arc.py       RFC 8617   what did those find who sent it on, and perhaps changed it?
    results.py   RFC 8601   Authentication-Results: what was found, in one header field
    verdict.py              all of it, in order: `prove` returns a `Proof`

Sans-I/O: octets and a function that asks the DNS come in, values with all their steps come out.
"""
