"""A finished run comes in; a registered model version, its aliases and its verified files go out."""
