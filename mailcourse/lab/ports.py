"""The names of the ports that mail and the web use; 443, 465, 993 and 995 have TLS from the first octet (RFC 8314)."""

SERVICES = {
    25: "smtp",
    53: "dns",
    80: "http",
    110: "pop3",
    143: "imap",
    443: "https",
    465: "submissions",
    587: "submission",
    993: "imaps",
    995: "pop3s",
}
