"""Movies of the formats that microscopes and telescopes write, read as they are sliced."""
