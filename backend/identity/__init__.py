"""Credentials come in; a principal with its permissions goes out."""
