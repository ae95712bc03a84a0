"""The arguments of `plot_model` are Keras's, with Keras's defaults."""

import inspect

import keras

import glassnet as gn


def test_arguments_and_defaults():
    ours = dict(inspect.signature(gn.utils.plot_model).parameters)
    theirs = dict(inspect.signature(keras.utils.plot_model).parameters)
    theirs.pop("kwargs")  # retired arguments alone
    assert list(ours) == list(theirs)
    differing = {name for name in ours if ours[name].default != theirs[name].default}
    assert differing == {"to_file"}  # SVG, not PNG
    assert ours["to_file"].default == "model.svg"
