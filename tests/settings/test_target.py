import pytest

import mtzoo


@pytest.mark.parametrize(("numbers", "said"), [({"speedup": 0.5}, "--target-speedup 0.5"), ({"max_drop": -1.0}, "--max-drop -1.0")])
def test_a_target_that_cannot_be_is_refused(numbers, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.Target(**numbers)
