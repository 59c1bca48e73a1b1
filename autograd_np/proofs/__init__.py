"""Gradient checks, and the sample inputs that prove every primitive."""
