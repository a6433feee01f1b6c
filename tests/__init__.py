"""The panel tested: the folders mirror the package."""
