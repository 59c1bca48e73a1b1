"""The tape, seen: as a sequence of entries, as a printed table, as a picture."""
