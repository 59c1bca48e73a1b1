"""``explore``: a page on which one walks through the tape, forward and backward, with the numbers."""
