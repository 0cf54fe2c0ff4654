"""Deploy models at work: on images, compared with the network they came from, and measured."""
