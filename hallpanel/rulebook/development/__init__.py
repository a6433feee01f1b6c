"""Chapter 7: training, points and appraisal."""
