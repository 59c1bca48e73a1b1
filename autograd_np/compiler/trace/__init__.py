"""Tracing: run a function once and record its NumPy calls, what it captures, and what it returns."""
