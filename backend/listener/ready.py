"""What a connection can give or take at once: bytes that have arrived are read, bytes that fit are sent, and nobody waits."""

import socket
import ssl

from backend.listener.tls import BoundedSocket


def receive(connection: socket.socket, most: int) -> bytes | None:
    """The bytes that are there (b"" at the end of the stream), or None where none are yet; the connection must not block."""
    try:
        if isinstance(connection, BoundedSocket):
            return ssl.SSLSocket.recv(connection, most)  # no wait, so nothing to spend of an allowance
        return connection.recv(most)
    except (BlockingIOError, ssl.SSLWantReadError):
        return None


def send(connection: socket.socket, data: bytes) -> int:
    """How many of the bytes were taken; what was not taken is to be sent again from there."""
    try:
        if isinstance(connection, BoundedSocket):
            return ssl.SSLSocket.send(connection, data)
        return connection.send(data)
    except (BlockingIOError, ssl.SSLWantWriteError):
        return 0


def is_tls(connection: socket.socket) -> bool:
    """Whether its bytes come in records."""
    return isinstance(connection, BoundedSocket)


def pending(connection: socket.socket) -> bool:
    """Whether decrypted bytes wait inside the connection, for which its socket never becomes readable."""
    return isinstance(connection, BoundedSocket) and connection.pending() > 0
