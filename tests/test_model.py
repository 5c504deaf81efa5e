"""The model file: read once, checked, and refused in one line when it is not what it should be."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tone_model import DIGITS, silence, tone, write_tone_model

from dwindle.errors import UsageError
from dwindle.export.onnx_file import metadata_of, read_onnx, write_onnx
from dwindle.infer.speech.model import ModelError, Recogniser, softmax
from dwindle.infer.speech.speeds import FRAMES_SHARE, at_speed


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tone_model(tmp_path_factory.mktemp("model") / "tones.onnx")


def test_metadata_and_frame_length_are_read(model):
    recogniser = Recogniser(model)
    assert recogniser.words == DIGITS
    assert recogniser.labels[10] == "reject"
    assert (recogniser.sample_rate, recogniser.window_samples, recogniser.threshold) == (8_000, 8_000, 0.8)
    assert recogniser.frame_samples == 320


@pytest.mark.parametrize("digit", range(10))
def test_isolated_clips_get_their_digit(model, digit):
    answer = Recogniser(model).classify(tone(digit))
    assert answer.label == str(digit)
    assert answer.confidence > 0.99


def test_isolated_clips_are_rejected_by_class_and_by_threshold(model):
    noise = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    assert Recogniser(model).classify(noise).label is None
    two_at_once = tone(3) + 0.9 * tone(7)
    answer = Recogniser(model).classify(two_at_once)
    assert 0.5 < answer.confidence < 0.97
    assert Recogniser(model, threshold=0.5).classify(two_at_once).label == "3"
    assert Recogniser(model, threshold=0.99).classify(two_at_once).label is None
    unsure = Recogniser(model).classify(noise).confidence
    assert Recogniser(model, threshold=unsure / 2).classify(noise).label in {*"0123456789"}  # what the threshold means


def test_a_word_may_be_judged_at_several_speeds(model, tmp_path):
    """As this model knows pitch, another speed is another word: only the geometric mean of all says which counts."""
    recogniser = Recogniser(model)
    faster = recogniser.pooled(at_speed(tone(2, 0.5), 1.3))  # 1,300 Hz
    assert recogniser.words[int(faster.argmax())] == "3" and at_speed(tone(2, 0.5), 1.3).dtype == np.float32
    assert np.allclose(recogniser.pooled(tone(2, 0.5), (1.3,)), faster)
    both = np.sqrt(recogniser.pooled(tone(2, 0.5)) * faster)
    assert np.allclose(recogniser.pooled(tone(2, 0.5), (1.0, 1.3)), both / both.sum(), atol=1e-6)
    assert Recogniser(write_tone_model(tmp_path / "any.onnx", speeds=None)).speeds == (0.9, 1.0, 1.1)


def test_what_the_frames_do_not_hear_is_less_sure_than_the_pooled_output_has_it(model):
    recogniser = Recogniser(model)
    for sound in (tone(3), tone(3) + 0.9 * tone(7)):
        pooled, frames = recogniser.pooled(sound), recogniser.frames(sound).max(axis=0)[:-1]
        wanted = pooled ** (1 - FRAMES_SHARE) * frames**FRAMES_SHARE  # this model's words are judged at one speed
        assert np.allclose(recogniser.both_readings(sound), wanted, atol=1e-6)


@pytest.mark.parametrize("speeds", ["", "1", "[]", "[0]", '["fast"]', "[NaN]", "[[1]]"])
def test_speeds_that_are_none_are_refused(tmp_path, speeds):
    with pytest.raises(ModelError, match="speeds"):
        Recogniser(write_tone_model(tmp_path / "odd.onnx", speeds=speeds))


def test_frames_follow_the_sound(model):
    recogniser = Recogniser(model)
    frames = recogniser.frames(np.concatenate([silence(0.2), tone(5, 0.2), silence(0.2)]))[-15:]
    blank = len(recogniser.labels)
    assert frames.argmax(axis=1).tolist() == [blank] * 5 + [5] * 5 + [blank] * 5
    assert np.allclose(frames.sum(axis=1), 1, atol=1e-5)


def test_softmax_survives_large_values():
    assert softmax(np.array([1000.0, 0.0, -1000.0])).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sample_rate": None}, "no sample_rate"),
        ({"threshold": None}, "no threshold"),
        ({"threshold": "1.5"}, "threshold '1.5' is not between 0 and 1"),
        ({"threshold": "nan"}, "not between"),
        ({"lone_threshold": "2"}, "lone_threshold '2' is not between 0 and 1"),
        ({"noisy_threshold": "loud"}, "noisy_threshold 'loud' is not between 0 and 1"),
        ({"peak_after_start_ms": None}, "no peak_after_start_ms"),
        ({"peak_before_end_ms": "late"}, "peak_before_end_ms 'late'"),
        ({"window_samples": "many"}, "window_samples 'many'"),
        ({"labels": ["left", "right", "reject"]}, "3 labels, but outputs"),
        ({"labels": ["1"] * 11}, "repeated or empty"),
        ({"labels": ["reject"]}, "repeated or empty"),
        ({"labels": [1, 2]}, "not a JSON list of words"),
        ({"outputs": 9}, "do not belong together"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_in_one_line(tmp_path, change, complaint):
    path = write_tone_model(tmp_path / "odd.onnx", **change)
    with pytest.raises(ModelError, match=complaint) as caught:
        Recogniser(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_metadata_without_labels_is_refused(tmp_path):
    path = write_tone_model(tmp_path / "bare.onnx")
    stripped = onnx.load(path)
    del stripped.metadata_props[:]
    onnx.save(stripped, path)
    with pytest.raises(ModelError, match="no labels"):
        Recogniser(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x09\x12\x00" * 100])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "junk.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not an ONNX model"):
        Recogniser(path)


@pytest.mark.parametrize("key", ["labels", "threshold"])
def test_metadata_that_are_no_text_are_one_line(tmp_path, key):
    """A regression: a damaged byte ended in a UnicodeDecodeError."""
    path = write_tone_model(tmp_path / "damaged.onnx")
    name = key.encode()
    assert path.read_bytes().count(name) >= 1
    head, _, tail = path.read_bytes().rpartition(name)
    path.write_bytes(head + b"\xff" + name[1:] + tail)
    with pytest.raises(ModelError, match="its metadata are damaged: export it again"):
        Recogniser(path)
    assert key not in metadata_of(read_onnx(path))


def test_a_graph_whose_names_are_no_text_is_refused_without_a_word_on_stdout(tmp_path, capsys):
    """A regression: the runtime printed "EP Error" there, where --json has its answers."""
    path = write_tone_model(tmp_path / "damaged.onnx")
    path.write_bytes(path.read_bytes().replace(b"audio", b"aud\xf0o"))
    with pytest.raises(ModelError, match="not an ONNX model that can be read"):
        Recogniser(path)
    assert capsys.readouterr() == ("", "")


def test_labels_nested_too_deeply_are_one_line(tmp_path):
    path = write_tone_model(tmp_path / "deep.onnx")
    model = read_onnx(path)
    write_onnx(model, path, metadata_of(model) | {"labels": "[" * 100_000})
    with pytest.raises(ModelError, match="its labels are not a JSON list of words"):
        Recogniser(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(ModelError, match="no such model file"):
            Recogniser(path)


def test_a_model_of_another_kind_is_refused(tmp_path):
    node = helper.make_node("Relu", ["image"], ["scores"])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 28, 28])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1, 28, 28])
    graph = helper.make_graph([node], "image", [image], [scores])
    path = tmp_path / "image.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    with pytest.raises(ModelError, match="takes image and gives scores"):
        Recogniser(path)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_0_to_1_is_a_usage_error(model, threshold):
    with pytest.raises(UsageError, match="outside 0 to 1"):
        Recogniser(model, threshold)


def test_words_of_ones_own_work_as_digits_do(tmp_path):
    words = ["stop", "go", *"abcdefgh", "reject"]
    recogniser = Recogniser(write_tone_model(tmp_path / "own.onnx", labels=words))
    assert recogniser.classify(tone(1)).label == "go"
