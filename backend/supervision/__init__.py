"""Settings enter; a running platform leaves: every process started, watched, told about and stopped together."""
