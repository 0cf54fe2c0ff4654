from tests.quantization.conftest import net, x

__all__ = ["net", "x"]
