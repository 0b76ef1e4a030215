"""Values of the API come in; the pieces that pages are built from go out."""
