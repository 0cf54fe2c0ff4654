"""From label files and images to batches: sources -> groups -> dataset -> pipeline -> loader."""
