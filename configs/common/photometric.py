"""Colour jitter of the usual recipe for street scenes: brightness, contrast and saturation by up to 0.4, nothing else.

PaddleSeg's RandomDistort changes each of the three in half of the images; here all three change together, in 0.8 of them.
"""

photometric = dict(brightness=0.4, contrast=0.4, saturation=0.4, hue=0, gamma=0, grey_prob=0, blur_prob=0, noise_prob=0)
