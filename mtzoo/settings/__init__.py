"""What users choose by options and in Python, as plain values. Nothing heavy is imported here: `mtzoo VERB --help` shows them."""
