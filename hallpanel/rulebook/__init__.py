"""What the rule book regulates: a folder for each chapter, a file for each entity."""
