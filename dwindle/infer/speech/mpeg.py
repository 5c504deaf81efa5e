"""How long an MP3 is, by its own frames: libsndfile guesses where no Xing or Info header says so."""

import os
from typing import BinaryIO

ID3_BYTES, LONGEST_FRAME_BYTES = 10, 1441
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by MPEG's version, Hz
KILOBITS = {  # a second, of layer III
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG 1
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG 2 and 2.5
}


def says_its_length(path: str | os.PathLike) -> bool:
    """Whether the first frame is a header with the number of frames."""
    with open(path, "rb") as file:
        _skip_id3(file)
        first = file.read(LONGEST_FRAME_BYTES)
    return b"Xing" in first or b"Info" in first


def samples_in(path: str | os.PathLike) -> int:
    """How many samples the frames hold, up to the first that is none; also those of a recording joined to it."""
    samples = 0
    with open(path, "rb") as file:
        _skip_id3(file)
        while head := file.read(4):
            if frame := _frame(head):
                size, count = frame
                file.seek(size - 4, os.SEEK_CUR)
                samples += count
            elif head.startswith(b"ID3"):
                file.seek(-len(head), os.SEEK_CUR)
                _skip_id3(file)
            else:
                break
    return samples


def _skip_id3(file: BinaryIO) -> None:
    begin, head = file.tell(), file.read(ID3_BYTES)
    size = 0
    if head.startswith(b"ID3"):  # its size is in 7 bits of each of four bytes
        size = ID3_BYTES + sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10])))
    file.seek(begin + size)


def _frame(header: bytes) -> tuple[int, int] | None:
    """Bytes and samples of the frame with this header; None where there is none of layer III."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, bits, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version not in RATES or bits in (0, 15) or rate == 3:
        return None
    is_first, padding = version == 3, header[2] >> 1 & 1
    samples = 1152 if is_first else 576
    return samples // 8 * 1000 * KILOBITS[is_first][bits] // RATES[version][rate] + padding, samples
