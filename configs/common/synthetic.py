"""The embedded data: synthetic road scenes, rendered at first use into data_root."""

data_root = "data"

_scenes = dict(type="SyntheticScenes", root="{data_root}")
_train = dict(_scenes, num=1000, seed=1)
_val = dict(_scenes, num=60, seed=2)

sources = dict(
    boxes_train=dict(_train, labels="boxes"), boxes_val=dict(_val, labels="boxes"),
    seg_train=dict(_train, labels="seg"), seg_val=dict(_val, labels="seg"),
    lane_train=dict(_train, labels="lane"), lane_val=dict(_val, labels="lane"),
)
