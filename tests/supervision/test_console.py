"""What processes write, made readable."""

import io

from backend.supervision.console import Console


def console():
    stream = io.StringIO()
    return Console(["api", "worker", "ready"], stream, unnamed=["ready"]), stream


def test_lines_that_come_in_pieces_are_put_together():
    shown, stream = console()
    shown.relay("api", "grüß".encode()[:3])
    shown.relay("worker", b"between\n")
    shown.relay("api", "grüß".encode()[3:] + b" dich\nand")
    assert stream.getvalue() == "worker | between\napi    | grüß dich\n"
    shown.finish("api")
    assert stream.getvalue().endswith("api    | and\n")


def test_unnamed_lines_stand_alone():
    shown, stream = console()
    shown.relay("ready", b"curl https://localhost\n")
    assert stream.getvalue() == "curl https://localhost\n"


def test_log_line_cannot_steer_the_terminal():
    shown, stream = console()
    shown.relay("api", b"\x1b[31mred\x1b[0m \x1b]0;title\x07 bell\x9b2J\r\n")
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in stream.getvalue().rstrip("\n"))
    assert "red" in stream.getvalue()


def test_bytes_that_are_no_text_do_not_stop_the_rest():
    shown, stream = console()
    shown.relay("api", b"\xff\xfe\nnext\n")
    assert stream.getvalue().endswith("api    | next\n")


def test_endless_line_is_cut():
    shown, stream = console()
    for _ in range(3):
        shown.relay("api", b"x" * 40_000)
    assert len(stream.getvalue()) > 64 * 1024


def test_last_lines_are_those_of_the_present_run():
    shown, _ = console()
    shown.relay("api", b"old\n")
    shown.begin("api")
    shown.relay("api", b"".join(f"{n}\n".encode() for n in range(50)))
    assert shown.last_lines("api") == tuple(str(n) for n in range(30, 50))


def test_reader_that_went_away_does_not_stop_the_platform():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    Console(["api"], Gone()).relay("api", b"still here\n")


def test_colours_only_where_somebody_looks(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Screen()
    Console(["api"], screen).relay("api", b"line\n")
    assert "\x1b[36m" in screen.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Screen()
    Console(["api"], plain).relay("api", b"line\n")
    assert plain.getvalue() == "api    | line\n"
