"""Raw outputs -> boxes or label maps."""

from mtzoo.postprocess.as_is import AsIs
from mtzoo.postprocess.boxes import BoxDecoder, DecodedBoxes, decode_detections
from mtzoo.postprocess.label_map import LabelMapDecoder, label_map
from mtzoo.postprocess.merge import MergeRule, merge
from mtzoo.postprocess.prediction import DECODERS, Decoder, to_original, to_prediction

__all__ = ["DECODERS", "AsIs", "BoxDecoder", "DecodedBoxes", "Decoder", "LabelMapDecoder", "MergeRule", "decode_detections",
           "label_map", "merge", "to_original", "to_prediction"]
