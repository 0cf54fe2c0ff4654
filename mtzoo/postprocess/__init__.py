"""Raw outputs -> boxes or label maps."""

from mtzoo.postprocess.boxes import BoxDecoder, DecodedBoxes, decode_detections
from mtzoo.postprocess.label_map import LabelMapDecoder, label_map
from mtzoo.postprocess.prediction import Decoder, to_original, to_prediction

__all__ = ["BoxDecoder", "DecodedBoxes", "Decoder", "LabelMapDecoder", "decode_detections", "label_map", "to_original",
           "to_prediction"]
