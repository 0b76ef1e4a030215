"""One thin page a file: it asks the client and draws."""
