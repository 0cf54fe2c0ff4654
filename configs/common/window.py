"""The geometry of 4pe_crop, for whatever network: a window of the camera's full resolution."""

# A crop of any image at full resolution: 720x1280, 940x1824, 1080x1920, 1080x2280. Half of them aim at an object or a lane.
train_geometry = dict(crop_hw=[448, 1216], resize_type="none", focus_prob=0.5)

# The window stands where the camera sees the end of a straight road; --vanishing-point or --camera at run time place it anew.
deploy_geometry = dict(input_hw=[448, 1280], window=dict(vanishing_point=[960, 510], original_hw=[1080, 1920]))
