"""A registered version and rows come in; predictions go out."""
