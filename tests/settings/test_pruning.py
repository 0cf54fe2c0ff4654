import pytest

from mtzoo.compression.importance import WEIGHT_SCORES
from mtzoo.errors import UserError
from mtzoo.settings.pruning import IMPORTANCES, TAYLOR, Pruning


def test_the_methods_that_are_named_are_those_that_there_are():
    assert (*WEIGHT_SCORES, TAYLOR) == IMPORTANCES


@pytest.mark.parametrize(("values", "said"), [
    ({"ratio": 1.0}, "--ratio 1.0"), ({"importance": "tailor"}, "did you mean 'taylor'"), ({"align": 0}, "--align 0"),
])
def test_values_that_cannot_be_are_refused(values, said):
    with pytest.raises(UserError, match=said):
        Pruning(**{"ratio": 0.3, **values})
