"""Answered predictions come in and are kept, with their outcomes; single ones, pages of them and how good the model was go out."""
