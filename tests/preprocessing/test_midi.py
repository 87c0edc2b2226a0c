"""MIDI in and out."""

import pretty_midi
import pytest

from seqzoo.preprocessing import read_midi, write_midi

PIECE = [[60, 64], [60], [], [62, 65], [62]]


def write(path, notes, tempo_changes=(), drums=(), resolution=480):
    """Writes notes `(key, start, end)` in quarter notes."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=120, resolution=resolution)
    for tick, tempo in tempo_changes:
        midi._tick_scales.append((tick, 60 / (tempo * resolution)))
    midi._update_tick_to_time(100 * resolution)
    for spans, is_drum in ((notes, False), (drums, True)):
        instrument = pretty_midi.Instrument(0, is_drum=is_drum)
        for key, *span in spans:
            start, end = (midi.tick_to_time(round(at * resolution)) for at in span)
            instrument.notes.append(pretty_midi.Note(80, key, start, end))
        midi.instruments.append(instrument)
    midi.time_signature_changes.append(pretty_midi.TimeSignature(3, 4, midi.tick_to_time(960)))
    midi.write(str(path))
    return path


@pytest.mark.parametrize("frames_per_beat", [1, 4, 220])
def test_a_piece_comes_back_from_its_file(tmp_path, frames_per_beat):
    path = tmp_path / "piece.mid"
    write_midi(PIECE, path, frames_per_beat, tempo=77)
    assert read_midi(path, frames_per_beat) == PIECE
    notes = pretty_midi.PrettyMIDI(str(path)).instruments[0].notes
    assert len(notes) == 4  # a key that sounds on is one note
    assert max(note.end for note in notes) == pytest.approx(5 * 60 / 77 / frames_per_beat, 1e-3)


def test_tempo_and_metre_do_not_matter_and_drums_are_left_out(tmp_path):
    notes = [(60, 0, 2), (64, 2, 4), (67, 3, 5)]
    plain = read_midi(write(tmp_path / "a.mid", notes))
    assert plain == [[60], [60], [64], [64, 67], [67]]
    changes = [(480, 33.0), (1440, 200.0)]
    changed = write(tmp_path / "b.mid", notes, changes, drums=[(36, 0, 9)])
    assert read_midi(changed) == plain
    assert read_midi(changed, 2) == [each for each in plain for _ in range(2)]


def test_short_notes_sound_in_a_frame_and_notes_of_no_length_in_none(tmp_path):
    notes = [(60, 0.1, 0.2), (62, 1, 1), (64, 1.9, 3.1)]
    assert read_midi(write(tmp_path / "short.mid", notes)) == [[60], [], [64]]


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ([], "has no note but those of drums"),
        ([(60, 1, 1)], "has no note but those of drums or of no length"),
        ([(60, 0, 1), (109, 1, 2)], r"the key 109 at 0\.50 seconds, .*from 21 to 108"),
    ],
)
def test_files_without_a_piece_for_a_piano_are_refused_by_name(tmp_path, notes, message):
    path = write(tmp_path / "wrong.mid", notes, drums=[(36, 0, 1)])
    with pytest.raises(ValueError, match=rf"wrong\.mid.*{message}"):
        read_midi(path)


def test_what_is_no_midi_is_refused_by_name(tmp_path):
    path = tmp_path / "song.mid"
    whole = write(path, [(60, 0, 1)]).read_bytes()
    for content in (b"", b"MThd", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"song\.mid (cannot be read as MIDI|has no note)"):
            read_midi(path)
    with pytest.raises(FileNotFoundError, match="There is no MIDI file"):
        read_midi(tmp_path / "none.mid")


def test_wrong_options_and_silence_are_refused(tmp_path):
    path = tmp_path / "piece.mid"
    with pytest.raises(ValueError, match="Received: a piece of silence"):
        write_midi([[], []], path)
    for tempo in (0, 3.5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"`tempo` must be from 4 to 1000 .*Received: tempo="):
            write_midi(PIECE, path, tempo=tempo)
    with pytest.raises(ValueError, match="Received: 200 in frame 0"):
        write_midi([[200]], path)
    assert not path.exists()
    for wrong in (0, 1.5, "2", 221):  # shorter than a tick, a frame would be lost
        with pytest.raises(ValueError, match="`frames_per_beat` must be an int from 1 to 220"):
            read_midi(path, wrong)
        with pytest.raises(ValueError, match="`frames_per_beat` must be an int from 1 to 220"):
            write_midi(PIECE, path, wrong)
