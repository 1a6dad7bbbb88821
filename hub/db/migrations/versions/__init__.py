"""The schema steps, oldest first by their numbers."""
