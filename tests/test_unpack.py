"""What an archive may not do to the disk it is unpacked on."""

import os

from hypothesis import given
from hypothesis import strategies as st
from misbehaving_server import files_below, tarball

from dwindle.data.unpack import inside, unpack
from dwindle.errors import UserError


def test_links_in_an_archive_are_left_out(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tmp_path / "links.tar.gz"
    archive.write_bytes(tarball({"link/file": b"1"}, {"link": str(outside), "passwd": "/etc/passwd"}))
    unpack(archive, tmp_path / "to")
    assert files_below(tmp_path / "to") == {"link/file": b"1"}
    assert os.listdir(outside) == []


@given(st.text(st.sampled_from("ab./\\:\0 ") | st.characters(exclude_categories=["Cs"]), max_size=20))
def test_no_name_reaches_outside(name):
    try:
        path = inside(name, "x.zip")
    except UserError:
        return
    assert os.path.normpath(f"/folder/{path}").startswith("/folder")
