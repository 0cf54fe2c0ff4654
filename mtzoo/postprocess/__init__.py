"""Raw outputs -> boxes, label maps or classes of images."""

from mtzoo.postprocess.as_is import AsIs
from mtzoo.postprocess.boxes import BoxDecoder, DecodedBoxes, decode_detections
from mtzoo.postprocess.image_class import ClassDecoder, classify
from mtzoo.postprocess.label_map import LabelMapDecoder, label_map
from mtzoo.postprocess.merge import MergeRule, merge
from mtzoo.postprocess.prediction import DECODERS, Decoder, to_original, to_prediction

__all__ = ["DECODERS", "AsIs", "BoxDecoder", "ClassDecoder", "DecodedBoxes", "Decoder", "LabelMapDecoder", "MergeRule", "classify",
           "decode_detections", "label_map", "merge", "to_original", "to_prediction"]
