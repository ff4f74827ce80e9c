"""The page that a browser is given: a terminal, and what is said before and behind a session.

Nothing of it comes from elsewhere: the terminal's code and its font are files of textual-serve.
"""

from string import Template
from typing import Final

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>apdbg</title>
<link rel="stylesheet" href="static/css/xterm.css">
<script src="static/js/textual.js"></script>
<style>
@font-face { font-family: "Roboto Mono"; src: url("static/fonts/RobotoMono-VariableFont_wght.ttf"); }
@font-face { font-family: "Roboto Mono"; font-style: italic;
             src: url("static/fonts/RobotoMono-Italic-VariableFont_wght.ttf"); }
body { background: #12161d; color: #cfd6e2; font-family: "Roboto Mono", monospace; margin: 0; }
p { position: absolute; width: 100%; top: 40%; text-align: center; }
a { color: #7aa7e8; }
#terminal { width: 100vw; height: 100vh; opacity: 0; }
.-first-byte #terminal { opacity: 1; }
.-first-byte .before, .behind { display: none; }
.-closed .before, .-closed #terminal { display: none; }
.-closed .behind { display: block; }
</style>
</head>
<body>
<p class="before">apdbg begins ...</p>
<p class="behind">This session has ended. <a href="">Begin another one</a></p>
<div id="terminal" class="textual-terminal" data-font-size="16"
     data-session-websocket-url="ws://$host/$token/ws"></div>
</body>
</html>
""")  # noqa: E501


def page(host: str, token: str) -> str:
    """The HTML for a browser that asked this host, a name with a port that has been checked."""
    return _PAGE.substitute(host=host, token=token)


def headers(host: str) -> dict[str, str]:
    """What every answer says of itself: the browser loads nothing from elsewhere for it, tells
    nobody its address, shows it in no other page's frame, and keeps no copy. The terminal's
    code writes style elements of its own."""
    policy = (
        f"default-src 'self'; connect-src 'self' ws://{host}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
