"""Settings and an app come in; a running process that answers HTTP, bounds every caller and drains before it ends goes out."""
