"""The passes over the intermediate representation, one file each (see pipeline.py for their order)."""
