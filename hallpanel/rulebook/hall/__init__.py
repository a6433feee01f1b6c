"""Chapter 1: the hall, its units, windows and people, and the figures it runs by."""
