"""A running home comes in, one sealed archive of a moment goes out; an archive and an empty home come in, the platform of then goes out."""
