"""Programs for clients of other servers, each run by a Python of its own that has that client installed."""
