"""Bytes come in; columns go out, and the way back. Pure: one file per prediction protocol."""
