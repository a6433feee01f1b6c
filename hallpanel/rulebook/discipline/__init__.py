"""Chapter 2: attendance, leave, conduct and integrity."""
