"""The way from a layer to its step function stays short."""

from budget import MAX_FILES, MAX_HOPS, hops_of_lstm


def test_the_path_from_the_layer_to_the_step_is_short():
    hops = hops_of_lstm()
    files = {name.split(":")[0] for name in hops.stack}
    assert len(hops.stack) - 1 <= MAX_HOPS, hops.stack
    assert len(files) <= MAX_FILES, files
