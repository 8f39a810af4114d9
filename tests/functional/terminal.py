"""A program on a terminal of its own: what it shows, what is typed, whether the terminal echoes."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

WAIT_S = 30


class Terminal:
    """Starts a program as the leader of a session on a new pseudo-terminal."""

    def __init__(self, words, env, cwd, columns=80, rows=24):
        self.shown = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(words[0], [str(w) for w in words], env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def read(self, seconds):
        """Takes in what is there; False when the program has closed its side."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.shown += piece
        return bool(piece)

    def expect(self, text, seconds=WAIT_S):
        """Waits until this text is shown."""
        end = time.monotonic() + seconds
        while text.encode() not in self.shown:
            assert self.read(0.1) or text.encode() in self.shown, f"ended before {text!r}:\n{self.text()}"
            assert time.monotonic() < end, f"not within {seconds} s: {text!r} in\n{self.text()}"

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def expect_quiet(self):
        end = time.monotonic() + WAIT_S
        while self.echoes():
            assert time.monotonic() < end, "the terminal echoes a passphrase"
            time.sleep(0.01)

    def end(self, seconds=WAIT_S):
        """Waits for the program's end; gives its exit code."""
        end = time.monotonic() + seconds
        while self.read(0.1):
            assert time.monotonic() < end, f"does not end:\n{self.text()}"
        pid, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def text(self):
        return self.shown.decode(errors="replace")
