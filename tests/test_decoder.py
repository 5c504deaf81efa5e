"""When a proposed word is accepted."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from dwindle.infer.speech.decoder import HOP_FRAMES, LEAST_POOLED_SHARE, FrameDecoder

FRAME = 256


def hearing_one_word(moment: int, probability: float = 0.5, rejected: float = 0.0) -> SimpleNamespace:
    """A recogniser of sound that is its own sample numbers: the frame with this one in it says "1", in doubt."""

    def frames(window: np.ndarray, newest: int) -> np.ndarray:
        spans = window[-newest * FRAME :].reshape(newest, FRAME)
        says_so = (spans == moment).any(axis=1)
        return np.stack([probability * says_so, np.zeros(newest), 1 - probability * says_so], axis=1)

    return SimpleNamespace(
        labels=["1", "reject"],
        sample_rate=8_000,
        frame_samples=FRAME,
        running_threshold=0.4,
        peak_after_start_s=0.2,
        peak_before_end_s=0.27,
        frames=frames,
        speeds=(1.0,),
        pooled=lambda samples, speeds: np.array([1 - rejected, rejected]),
    )


class Reading(FrameDecoder):
    """A decoder whose frames are those of the window that it is given."""

    def __init__(self, recogniser: SimpleNamespace, hurried: bool = True):
        self._sound = np.zeros(0)
        super().__init__(recogniser, lambda newest: recogniser.frames(self._sound, newest), hurried)

    def decode(self, window: np.ndarray, new_frames: int, needed: float, **options):
        self._sound = window
        return super().decode(window, new_frames, self.look_ahead_frames, needed, **options)


@pytest.mark.parametrize("part", [0.0, 0.25, 0.75])
def test_an_uncertain_word_is_decoded_again_wherever_half_a_hop_put_it(part):
    """The frames of the second reading lie half a frame aside; the one that holds the word's peak was not looked at."""
    decoder = Reading(hearing_one_word(100 * FRAME + round(part * FRAME)))
    end = (100 + 1 + decoder.look_ahead_frames) * FRAME
    window = np.arange(end - 24 * FRAME, end)
    assert decoder.decode(window, new_frames=1, needed=0.4) == []
    (hit,) = decoder.decode(window + round(HOP_FRAMES * FRAME), new_frames=1, needed=0.4)
    assert hit.frames_ago == decoder.look_ahead_frames + HOP_FRAMES
    assert hit.confidence == pytest.approx(0.5)


@pytest.mark.parametrize(("probability", "said"), [(0.6, []), (0.7, [0.7 * LEAST_POOLED_SHARE])])
def test_a_clear_frame_outvotes_a_pooled_answer_that_hears_no_word(probability, said):
    """Words said in one breath were lost: with a part of the next, "four" was taken for none."""
    decoder = Reading(hearing_one_word(100 * FRAME, probability, rejected=0.95))
    end = (100 + 1 + decoder.look_ahead_frames) * FRAME
    window = np.arange(end - 24 * FRAME, end)
    hop = round(HOP_FRAMES * FRAME)
    hits = [hit for hops in range(6) for hit in decoder.decode(window + hops * hop, new_frames=1, needed=0.4)]
    assert [hit.confidence for hit in hits] == pytest.approx(said)


@pytest.mark.parametrize(("needed", "said"), [(0.9, []), (0.4, []), (0.35, []), (0.25, [0.3])])
def test_less_is_enough_where_less_is_needed(needed, said):
    """Running sound asks for 0.4 of any word, but in a string of ours."""
    decoder = Reading(hearing_one_word(100 * FRAME, 0.3))
    end = (100 + 1 + decoder.look_ahead_frames) * FRAME
    window, hop = np.arange(end - 24 * FRAME, end), round(HOP_FRAMES * FRAME)
    hits = [hit for hops in range(6) for hit in decoder.decode(window + hops * hop, new_frames=1, needed=needed)]
    assert [hit.confidence for hit in hits] == pytest.approx(said)


def test_a_word_of_which_more_is_asked_is_read_to_the_end_of_doubt_unless_it_is_sure():
    decoder = Reading(hearing_one_word(100 * FRAME, 0.5))
    end = (100 + 1 + decoder.look_ahead_frames) * FRAME
    window, hop = np.arange(end - 24 * FRAME, end), round(HOP_FRAMES * FRAME)
    read = [decoder.decode(window + hops * hop, new_frames=1, needed=0.6) for hops in range(6)]
    ((last, (hit,)),) = [(hops, hits) for hops, hits in enumerate(read) if hits]
    assert hit.confidence == pytest.approx(0.5)
    assert hit.frames_ago + HOP_FRAMES > decoder.oldest_frames
    assert last > 1


def test_alone_a_word_must_be_heard_at_every_speed_and_be_this_one():
    """A bark was a "five" to one frame, and to the pooled output one of three words at one speed of three."""
    asked = []
    recogniser = hearing_one_word(100 * FRAME, 0.9)
    recogniser.labels, recogniser.speeds = ["1", "2", "reject"], (0.9, 1.0, 1.1)
    frames = recogniser.frames
    recogniser.frames = lambda window, newest: np.insert(frames(window, newest), 1, 0, axis=1)

    def pooled(samples: np.ndarray, speeds: tuple[float, ...]) -> np.ndarray:
        asked.append(speeds)
        return np.array([0.7, 0.3, 0.0] if len(speeds) == 1 else [0.5, 0.3, 0.2])

    recogniser.pooled = pooled
    for hurried, speeds, confidence in ((True, [(1.0,), (0.9, 1.0, 1.1)], 0.9), (False, [(0.9, 1.0, 1.1)], 0.9 * 0.8)):
        asked.clear()
        decoder = Reading(recogniser, hurried)
        end = (100 + 1 + decoder.look_ahead_frames) * FRAME
        window, hop = np.arange(end - 24 * FRAME, end), round(HOP_FRAMES * FRAME)
        (hit,) = [hit for hops in range(3) for hit in decoder.decode(window + hops * hop, 1, 0.4)]
        assert asked[-len(speeds) :] == speeds
        assert hit.confidence == pytest.approx(confidence)
        assert hit.alone == pytest.approx(0.9 * 0.5)
        asked.clear()
        decoder.reset()
        (hit,) = [hit for hops in range(3) for hit in decoder.decode(window + hops * hop, 1, 0.4, in_company=True)]
        assert set(asked) == {speeds[0]}  # in company nobody needs the others
        assert hit.alone == hit.confidence == pytest.approx(confidence)


def hearing(probabilities: dict[int, tuple[float, float]]) -> SimpleNamespace:
    """A recogniser of sound that is its own sample numbers: what each frame says of "1" and of other words."""

    def frames(window: np.ndarray, newest: int) -> np.ndarray:
        numbers = window[-newest * FRAME :: FRAME] // FRAME
        said = np.array([probabilities.get(int(number), (0.0, 0.0)) for number in numbers])
        return np.column_stack([said, 1 - said.sum(axis=1)])

    recogniser = hearing_one_word(0)
    recogniser.frames = frames
    return recogniser


def read(decoder: FrameDecoder, until: int, needed: float = 0.4) -> list[tuple[int, float]]:
    """All hops of two frames and then one, from frame 0: which frame was the newest at each hit, and its confidence."""
    hits, newest = [], 24
    while newest < until:
        step = 2 if newest % 3 else 1
        newest += step
        window = np.arange((newest - 24) * FRAME, newest * FRAME)
        hits += [(newest, hit.confidence) for hit in decoder.decode(window, step, needed)]
    return hits


def test_among_words_of_ours_another_word_is_less_likely():
    """Digits in the middle of a number were taken for other words: nearly all that the listener missed in strings."""
    faint, end = {100: (0.1, 0.9), 101: (0.0, 0.9)}, 124
    for others_kept, confidences in ((1.0, []), (0.03, [0.1 / (0.1 + 0.03 * 0.9)])):
        decoder, hits = Reading(hearing(faint)), []
        for newest in range(100, end, 3):
            for step, at in ((2, newest + 2), (1, newest + 3)):
                window = np.arange((at - 24) * FRAME, at * FRAME)
                hits += decoder.decode(window, step, needed=0.4, others_kept=others_kept)
        assert [hit.confidence for hit in hits] == pytest.approx(confidences)
        assert decoder.other_words(math.inf) == 1  # it is counted all the same


def test_a_frame_proposes_a_word_from_a_twentieth_on():
    """Its peak may follow: proposed only then, the word would be said later."""
    rising = {100: (0.06, 0.0), 103: (0.9, 0.0)}
    ((newest, confidence),) = read(Reading(hearing(rising | dict.fromkeys((101, 102), (0.06, 0.0)))), 140)
    ((later, _),) = read(Reading(hearing(rising | dict.fromkeys((100, 101, 102), (0.04, 0.0)))), 140)
    assert confidence == pytest.approx(0.9)
    assert newest < later


def test_a_word_is_said_again_once_it_has_all_but_gone():
    said_twice = {100: (0.9, 0.0), 104: (0.9, 0.0)}
    for between, times in ((0.04, 2), (0.06, 1)):
        dip = dict.fromkeys((101, 102, 103), (between, 0.0))
        assert len(read(Reading(hearing(said_twice | dip)), 140)) == times


def test_a_word_less_than_certain_waits_until_it_has_settled():
    """ "four" may become "forward": right after its first decoding only a certain word is accepted."""
    newest = {}
    for confidence in (0.7, 0.85):
        decoder = Reading(hearing({100: (confidence, 0.0)}))
        ((newest[confidence], _),) = read(decoder, 140)
    assert newest[0.85] <= 100 + 1 + decoder.look_ahead_frames + 1
    assert newest[0.7] > newest[0.85]


def test_other_words_are_counted_but_for_the_newest_frames():
    said = {100: (0.0, 0.8), 101: (0.0, 0.8), 110: (0.0, 0.8), 120: (0.0, 0.4)}
    decoder = Reading(hearing(said))
    for until, expected in ((103, 0), (107, 1), (125, 2)):  # two frames after it, the first may yet become one of ours
        decoder.reset()
        read(decoder, until)
        assert decoder.other_words(math.inf) == expected
    assert decoder.other_words(18) == 1  # the second alone
    decoder.reset()
    assert decoder.other_words(math.inf) == 0


def test_other_words_are_forgotten_after_a_hundred_frames():
    for until, remembered in ((190, 1), (215, 0)):
        decoder = Reading(hearing({100: (0.0, 0.8)}))
        read(decoder, until)
        assert decoder.other_words(math.inf) == remembered


def test_a_word_has_its_peak_within_five_frames():
    """One that rises later is another sound, of which the first frames were a part."""
    for peak, times in ((104, 1), (107, 0)):
        faint = dict.fromkeys(range(100, peak), (0.06, 0.0))
        assert len(read(Reading(hearing(faint | {peak: (0.9, 0.0)})), 140)) == times


def test_a_word_is_decoded_sooner_where_silence_follows_and_somebody_waits():
    heard = hearing_one_word(100 * FRAME)
    heard.peak_before_end_s = 0.2  # so short a word is given the fewest frames in any case
    shortest = Reading(heard)
    assert shortest.look_ahead(in_silence=True) == shortest.look_ahead_frames
    heard.peak_before_end_s = 0.35
    hurried, patient = Reading(heard), Reading(heard, hurried=False)
    assert hurried.look_ahead(in_silence=True) < hurried.look_ahead(in_silence=False) == hurried.look_ahead_frames
    assert patient.look_ahead(in_silence=True) == patient.look_ahead_frames
