"""Printers: a program as text, for running, for reading, and for a file of its own."""
