"""Signet's platform: data comes in, a model is trained, and predictions go out behind certificates and tokens."""
