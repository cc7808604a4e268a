"""Messages that are hard to read: each is one trap for FETCH, ENVELOPE, BODYSTRUCTURE and SEARCH."""

from __future__ import annotations


def crlf(text: str) -> bytes:
    """Return a message as it goes on the wire; what is written as \\xNN goes as that octet."""
    return text.lstrip("\n").replace("\n", "\r\n").encode("latin-1")


PLAIN = """
From: Alice Ahlers <alice@academy.test>
To: Bruno <bruno@bakery.test>, bea@bakery.test
Cc: Chiara <chiara@bakery.test>
Subject: A plain message
Date: Mon, 7 Sep 2026 10:00:00 +0200
Message-ID: <plain@academy.test>
In-Reply-To: <before@bakery.test>
References: <first@bakery.test>
 <before@bakery.test>

Good morning, here is a lighthouse.
Second line.
"""

NESTED = """
From: alice@academy.test
Subject: nested
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

Nobody sees this.
--outer
Content-Type: multipart/alternative; boundary=inner
Content-Language: en, de

--inner
Content-Type: text/plain; charset=utf-8; format=flowed
Content-Transfer-Encoding: quoted-printable
Content-ID: <one@academy.test>

plain=20text
--inner
Content-Type: text/html

<p>html</p>

--inner--
--outer
Content-Type: image/png; name="dot.png"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="dot.png"; size=70
Content-Description: a dot
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Location: http://www.academy.test/dot.png

iVBORw0KGgo=
--outer--
An epilogue.
"""

FORWARDED = """
From: alice@academy.test
Subject: forwarded
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=fw

--fw

See below.
--fw
Content-Type: message/rfc822
Content-Disposition: inline

From: Bruno <bruno@bakery.test>
To: alice@academy.test
Subject: inside
Content-Type: multipart/mixed; boundary=in

--in
Content-Type: text/plain

first inside
--in
Content-Type: message/rfc822

Subject: deepest

deep text
--in--
--fw--
"""

ENCLOSED = """
Subject: only a message
Content-Type: message/rfc822

From: bruno@bakery.test
Subject: the one inside

Text of the one inside.
"""

DIGEST = """
Subject: digest
MIME-Version: 1.0
Content-Type: multipart/digest; boundary=d

--d

Subject: one
From: bea@bakery.test

text one
--d

Subject: two

text two
--d--
"""

ADDRESSES = """
From: "Ahlers, Alice \\"Al\\"" <alice@academy.test>
Reply-To: <@relay.carrier.test,@mx1.bakery.test:bruno@bakery.test>
To: Friends: Bruno <bruno@bakery.test>, bea@bakery.test;, chiara@bakery.test (Chiara)
Cc: Undisclosed recipients:;
Bcc: "two words"@bakery.test,
 bea@bakery.test
Subject: groups, routes, quotes

x
"""

OLD_ADDRESSES = """
From: alice@academy.test
Sender: (the office) office@academy.test
To: dieter . dahl @ bakery . test
Subject: obsolete, and allowed

x
"""

BROKEN_ADDRESSES = """
From: Alice Ahlers
To: <>, bruno@, @bakery.test, "unclosed <bea@bakery.test>
Cc: a@b@bakery.test
Reply-To:
Sender: ,
Subject:

x
"""

TWICE = """
From: alice@academy.test
From: amir@academy.test
To: bruno@bakery.test
To: bea@bakery.test
Subject: first
Subject: second
Date: Mon, 7 Sep 2026 10:00:00 +0200
Date: Tue, 8 Sep 2026 10:00:00 +0200

x
"""

ENCODED = """
From: =?utf-8?q?J=C3=BCrgen?= <juergen@academy.test>
To: =?utf-8?b?QsOkcg==?= =?utf-8?b?ZW4=?= <bea@bakery.test>
Subject: =?iso-8859-1?q?Gr=FC=DFe?=
 =?utf-8?q?_aus_K=C3=B6ln?= plain
Date: 7 Sep 26 10:00 EST

x
"""

PARAMETERS = """
Subject: parameters
MIME-Version: 1.0
Content-Type: application/octet-stream; name*0*=utf-8''%e2%82%ac; name*1="rates.txt"; x=""; y="a\\"b"
Content-Transfer-Encoding: BASE64
Content-Disposition: attachment; filename*=utf-8''na%C3%AFve%20plan.txt

eA==
"""

NO_BOUNDARY = """
Subject: no boundary
MIME-Version: 1.0
Content-Type: multipart/mixed

--x
Content-Type: text/plain

text
--x--
"""

NEVER_CLOSED = """
Subject: never closed
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain

one
--x
Content-Type: text/plain

two"""

NO_PARTS = """
Subject: a boundary that never comes
Content-Type: multipart/mixed; boundary=x

Only a preamble.
"""

EIGHT_BIT = """
From: J\xfcrgen <juergen@academy.test>
Subject: Gr\xfc\xdfe
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

Gr\xfc\xdfe
"""

FOLDED = """
Subject: folded
 over
\tthree lines
To:
 bruno@bakery.test
X-Empty:
X-Tab:\tvalue
x-lower : space before the colon
Message-ID:
 <folded@academy.test>

x
"""

HALF_A_TYPE = """
Subject: half a type
Content-Type: text

x
"""

COMMENTS = """
Subject: comments (not here)
Content-Type: text/plain (a comment); charset=us-ascii
Content-Transfer-Encoding: 8bit (a comment)
Content-Disposition: inline (a comment); filename=a.txt

x
"""

RAW_UTF_8 = """
From: J\xc3\xbcrgen <juergen@academy.test>
Subject: Gr\xc3\xbc\xc3\x9fe

x
"""

UGLY: dict[str, bytes] = {
    "plain": crlf(PLAIN),
    "nested": crlf(NESTED),
    "forwarded": crlf(FORWARDED),
    "enclosed": crlf(ENCLOSED),
    "digest": crlf(DIGEST),
    "addresses": crlf(ADDRESSES),
    "old addresses": crlf(OLD_ADDRESSES),
    "broken addresses": crlf(BROKEN_ADDRESSES),
    "twice": crlf(TWICE),
    "encoded": crlf(ENCODED),
    "parameters": crlf(PARAMETERS),
    "no boundary": crlf(NO_BOUNDARY),
    "never closed": crlf(NEVER_CLOSED),
    "no parts": crlf(NO_PARTS),
    "eight bit": crlf(EIGHT_BIT),
    "folded": crlf(FOLDED),
    "half a type": crlf(HALF_A_TYPE),
    "comments": crlf(COMMENTS),
    "raw utf-8": crlf(RAW_UTF_8),
    "no header": b"\r\nOnly a body.\r\n",
    "no body": b"Subject: no body\r\n\r\n",
    "no end of header": b"Subject: no empty line\r\n",
    "no line end": b"Subject: x\r\n\r\nno line end",
    "bare text": b"This is no header at all.\r\nNeither is this.\r\n",
    "one line feed": b"Subject: bare LF\n\nunix\ntext\n",
    "one octet": b"x",
}
