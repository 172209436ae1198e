#!/usr/bin/env python3
"""Draws docs/images/tail.svg and top.svg: a real `zlog tail` and `zlog top`, in colour.

    python3 docs/images/make.py [ZLOG]        # default: target/release/zlog

Runs `zlog emit --test` into a `zlog tail` in a terminal of 100 columns, over an ipc socket, and
draws what the tail printed. The records are the same each time (`--seed`); their times are not.
For `zlog top`, several emitters run for half a minute, and tmux says what is on the screen. Needs
tmux, and nothing else but Python's standard library.
"""

import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from html import escape

HERE = pathlib.Path(__file__).resolve().parent
EMIT = "zlog emit --root shop --source web1 --test 12 --seed 69 --rate 12"
TAIL = "zlog tail"
ROWS, COLUMNS = 24, 100
# The emitters of `zlog top`: their arguments, and after how many seconds they start.
TOP = "zlog top"
EMITTERS = [
    ("--root shop --source web1 --rate 400 --seed 1", 0),
    ("--root shop.checkout --source web2 --rate 90 --seed 2", 4),
    ("--root backup --source nas --rate 12 --seed 3", 8),
    ("--root shop --source web3 --rate 700 --seed 4", 14),
]
TOP_SECONDS = 26

FONT_SIZE, LINE_HEIGHT, MARGIN, TITLE_BAR = 14, 20, 16, 32
CHARACTER_WIDTH = 8.43  # of a monospace font at 14 px; `textLength` makes others fit
BACKGROUND, FOREGROUND = "#0d1117", "#e6edf3"
# The eight colours of SGR 30 to 37 and 40 to 47.
COLORS = ["#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#ffffff"]
# Those of SGR 90 to 97.
BRIGHT = ["#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff"]


def record(zlog):
    """Runs both commands. Returns what the tail printed, escape sequences included."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "ZLOG_ENDPOINT": f"ipc://{directory}/zlog", "TZ": "UTC"}
        environment["TERM"] = "xterm-256color"
        environment["ZLOG_CONFIG"] = ""
        for name in ("NO_COLOR", "CLICOLOR"):
            environment.pop(name, None)
        count = EMIT.split()[EMIT.split().index("--test") + 1]
        tail = [zlog, *TAIL.split()[1:], "--count", count, "--timeout", "60s"]
        emit = [zlog, *EMIT.split()[1:], "--quiet", "--wait", "30s"]
        keyboard, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        with subprocess.Popen(tail, env=environment, stdin=screen, stdout=screen) as running:
            os.close(screen)
            subprocess.run(emit, env=environment, check=True)
            printed = read_all(keyboard)
        if running.returncode != 0:
            sys.exit(f"zlog tail ended with {running.returncode}")
        return printed.decode().replace("\r\n", "\n")


def record_top(zlog):
    """Runs `zlog top` in tmux, and the emitters. Returns what the screen shows."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "ZLOG_CONFIG": ""}
        environment["XDG_RUNTIME_DIR"] = directory
        for name in ("NO_COLOR", "CLICOLOR", "ZLOG_ENDPOINT", "TMUX"):
            environment.pop(name, None)
        tmux = ["tmux", "-S", f"{directory}/tmux", "-f", "/dev/null"]
        run = {"env": environment, "check": True}
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        subprocess.run([*tmux, "new-session", "-d", *size, zlog, "top"], **run)
        emitters = []
        try:
            for second in range(TOP_SECONDS):
                for args, start in EMITTERS:
                    if start == second:
                        emit = [zlog, "emit", "--quiet", "--test", "100000", *args.split()]
                        emitters.append(subprocess.Popen(emit, env=environment))
                time.sleep(1)
            shown = subprocess.run([*tmux, "capture-pane", "-e", "-p"], stdout=subprocess.PIPE, **run)
            return re.sub(r"\x1b\[([\d;]*)m", basic, shown.stdout.decode())
        finally:
            for emit in emitters:
                emit.terminate()
                emit.wait()
            subprocess.run([*tmux, "kill-server"], **run)


def basic(sequence):
    """An SGR sequence in which the first 16 of 256 colours have codes of their own."""

    def code(match):
        layer, color = int(match[1]) * 10, int(match[2])
        return str(layer + color if color < 8 else layer + 60 + color - 8)

    return re.sub(r"([34])8;5;(\d+)", code, sequence[0])


def read_all(descriptor):
    """Reads a terminal until its program has ended."""
    printed = b""
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # EIO on Linux
            chunk = b""
        if not chunk:
            return printed
        printed += chunk


def spans(line):
    """Splits a line at its SGR sequences. Yields (text, style); a style is a dict."""
    style = {}
    for number, part in enumerate(re.split(r"\x1b\[([\d;]*)m", line)):
        if number % 2 == 0:
            if part:
                yield part, dict(style)
            continue
        for code in (int(code or 0) for code in part.split(";")):
            match code:
                case 0:
                    style.clear()
                case 1:
                    style["bold"] = True
                case 2:
                    style["dim"] = True
                case 7:
                    style["reverse"] = True
                case 39:
                    style.pop("fill", None)
                case 49:
                    style.pop("background", None)
                case _ if 30 <= code <= 37:
                    style["fill"] = COLORS[code - 30]
                case _ if 90 <= code <= 97:
                    style["fill"] = BRIGHT[code - 90]
                case _ if 40 <= code <= 47:
                    style["background"] = COLORS[code - 40]
                case _:
                    sys.exit(f"SGR {code}: add it to {__file__}")


def draw(lines, title):
    """Returns the SVG of these lines."""
    columns = max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in lines)
    width = round(columns * CHARACTER_WIDTH + 2 * MARGIN)
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN + TITLE_BAR
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{title} in a terminal">',
        f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
    ]
    for number, color in enumerate(["#ff5f57", "#febc2e", "#28c840"]):
        out.append(f'<circle cx="{MARGIN + 6 + 20 * number}" cy="18" r="6" fill="{color}"/>')
    out.append(
        f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', '
        f'monospace" font-size="{FONT_SIZE}" fill="{FOREGROUND}" xml:space="preserve">'
    )
    for row, line in enumerate(lines):
        top = TITLE_BAR + MARGIN + row * LINE_HEIGHT
        column = 0
        for text, style in spans(line):
            x, length = MARGIN + column * CHARACTER_WIDTH, len(text) * CHARACTER_WIDTH
            column += len(text)
            if style.get("reverse"):
                fill, background = style.get("fill", FOREGROUND), style.get("background", BACKGROUND)
                style |= {"fill": background, "background": fill}
            if "background" in style:
                out.append(
                    f'<rect x="{x:.1f}" y="{top}" width="{length:.1f}" height="{LINE_HEIGHT}" '
                    f'fill="{style["background"]}"/>'
                )
            attributes = f'x="{x:.1f}" y="{top + 15}" textLength="{length:.1f}"'
            if "fill" in style:
                attributes += f' fill="{style["fill"]}"'
            if style.get("dim"):
                attributes += ' opacity="0.6"'
            if style.get("bold"):
                attributes += ' font-weight="bold"'
            out.append(f"<text {attributes}>{escape(text)}</text>")
    return "\n".join([*out, "</g>", "</svg>", ""])


def main():
    built = HERE.parent.parent / "target/release/zlog"
    zlog = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else built).resolve())
    lines = [f"\x1b[2m$\x1b[0m {TAIL}", *record(zlog).rstrip("\n").split("\n")]
    (HERE / "tail.svg").write_text(draw(lines, TAIL), encoding="utf-8")
    lines = record_top(zlog).rstrip("\n").split("\n")
    (HERE / "top.svg").write_text(draw(lines, TOP), encoding="utf-8")


if __name__ == "__main__":
    main()
