"""A dataset and a wish come in; a durable job, then a logged run with a trained bundle go out."""
