"""A local operator's words enter; acts of the rooms, tables and exit codes leave."""
