"""The backend ``numba``: chains of elementwise calls as compiled loops."""
