"""The compiler: a run of a function, traced, becomes a plain NumPy program."""
