"""Bytes from the network come in; a request with a verified certificate and a bounded body goes out."""
