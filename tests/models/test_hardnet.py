import pytest
import torch

from mtzoo.models.hardnet import HarDBlock, HarDNetDecoder, HarDNetEncoder
from mtzoo.structures import FeatureSpec

IMAGE = [FeatureSpec(3, 1, "image")]
SMALL = {"stem": (8, 8, 8, 12), "growth": (6, 8), "layers": (4, 8), "channels": (16, 24)}


def widths(block: HarDBlock) -> list[int]:
    return [layer.conv.out_channels for layer in block.layers]


def test_a_block_has_the_links_and_widths_of_the_paper():
    block = HarDBlock(320, 32, 8, 1.7)
    assert widths(block) == [32, 54, 32, 92, 32, 54, 32, 158]
    assert block.reads == [[0], [1, 0], [2], [3, 2, 0], [4], [5, 4], [6], [7, 6, 4, 0]]
    assert block.out_channels == 4 * 32 + 158
    assert widths(HarDBlock(48, 10, 4, 1.7)) == [10, 18, 10, 28]


@pytest.mark.parametrize("layers", [1, 4, 6, 8])
def test_a_block_joins_its_odd_layers_and_the_last(layers):
    block = HarDBlock(6, 4, layers, 1.6).eval()
    y = block(torch.randn(1, 6, 4, 5))
    assert y.shape == (1, sum(w for i, w in enumerate(widths(block), start=1) if i % 2 or i == layers), 4, 5)


def test_encoder_and_decoder_agree_with_their_specs():
    encoder = HarDNetEncoder(IMAGE, **SMALL).eval()
    features = encoder(torch.randn(1, 3, 64, 96))
    assert [spec.name for spec in encoder.out_specs] == ["s4", "s8"]
    assert encoder.out_specs[-1].channels == 24
    assert [tuple(f.shape) for f in features] == [(1, s.channels, 64 // s.stride, 96 // s.stride) for s in encoder.out_specs]
    decoder = HarDNetDecoder(encoder.out_specs, growth=[6], layers=[4]).eval()
    (up,) = decoder(features)
    assert decoder.out_specs == [FeatureSpec(up.shape[1], 4, "up0")]
    assert up.shape[2:] == (16, 24)


def test_fc_hardnet_70_is_the_default():
    encoder = HarDNetEncoder(IMAGE)
    assert [(spec.channels, spec.stride) for spec in encoder.out_specs] == [(48, 4), (78, 8), (160, 16), (214, 32), (320, 64)]
    decoder = HarDNetDecoder(encoder.out_specs)
    assert [projection.conv.out_channels for projection in decoder.projections] == [267, 187, 119, 63]
    assert [block.out_channels for block in decoder.blocks] == [214, 160, 78, 48]


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match=r"stem=\[8\]: expected four numbers"):
        HarDNetEncoder(IMAGE, stem=(8,))
    with pytest.raises(ValueError, match=r"layers=\[4\], channels=\[16, 24\]: expected as many of each"):
        HarDNetEncoder(IMAGE, **{**SMALL, "layers": (4,)})
    specs = [FeatureSpec(12, 4, "a"), FeatureSpec(20, 8, "b"), FeatureSpec(20, 32, "c")]
    with pytest.raises(ValueError, match=r"strides that double, got \[4, 8, 32\]"):
        HarDNetDecoder(specs, growth=(4, 4), layers=(4, 4))
    with pytest.raises(ValueError, match=r"expected one number each for each feature but the coarsest, 1"):
        HarDNetDecoder(specs[:2])
