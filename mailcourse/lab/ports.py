"""The names of the ports that mail uses ; 465, 993 and 995 have TLS from the first octet (RFC 8314)."""

SERVICES = {
    25: "smtp",
    53: "dns",
    110: "pop3",
    143: "imap",
    465: "submissions",
    587: "submission",
    993: "imaps",
    995: "pop3s",
}
