"""Raw outputs -> boxes, label maps or classes of images."""
