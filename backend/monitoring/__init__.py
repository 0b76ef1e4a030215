"""Answered requests come in; counts, latencies and the platform's state go out, for programs and for people."""
