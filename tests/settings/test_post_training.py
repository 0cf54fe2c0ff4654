import pytest

from mtzoo.errors import UserError
from mtzoo.settings.post_training import Corrections


def test_an_unknown_way_is_told():
    with pytest.raises(UserError, match="did you mean 'weights'"):
        Corrections(equalize="weigths")
