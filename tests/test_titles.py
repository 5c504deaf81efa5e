"""What people read instead of the names that files have."""

from report.titles import version_title


def test_versions_are_called_by_what_was_done_to_them():
    called = {
        "structured_50_int8_weights": "50% of the channels cut, INT8 weights",
        "pruned_static_uint8": "pruned, static INT8, uint8 activations",
        "student": "student alone",
        "somebody's own": "somebody's own",
    }
    assert {version: version_title({"version": version, "stage": "student"}) for version in called} == called
    untouched = {"version": "pruned_dynamic", "stage": "quantised", "note": "0 linear layers INT8"}
    assert version_title(untouched) == "pruned, dynamic INT8 (no layer to convert)"
