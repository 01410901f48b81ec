from __future__ import annotations

import os
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.run.channel import Channel


def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return Channel(ours.detach()), Channel(theirs.detach())


@given(st.lists(st.one_of(st.none(), st.binary(max_size=2000), st.integers()), max_size=20))
def test_messages_arrive_whole_and_in_order(messages):
    ours, theirs = pair()
    for message in messages:
        theirs.send(message)
    theirs.close()
    got = []
    try:
        while True:
            got += ours.pump()
    except EOFError:
        pass
    ours.close()
    assert got == messages


def test_a_message_larger_than_the_socket_s_buffer_passes_both_ways():
    ours, theirs = pair()
    large = os.urandom(3_000_000)
    got = []
    reader = threading.Thread(target=lambda: got.append(theirs.recv()))
    reader.start()
    ours.send(large)
    reader.join()
    writer = threading.Thread(target=theirs.send, args=(large,))
    writer.start()
    while not (messages := ours.pump()):
        pass
    writer.join()
    assert got == messages == [large]


def test_half_a_message_blocks_nobody_and_its_end_is_the_end():
    ours, theirs = pair()
    theirs.send("whole")
    os.write(theirs.fd, b"\x10\0\0\0\0\0\0\0half")
    assert ours.pump() == ["whole"]
    assert ours.pump() == []
    theirs.close()
    with pytest.raises(EOFError):
        ours.pump()


def test_pending_tells_of_messages_and_of_the_end():
    ours, theirs = pair()
    assert not theirs.pending()
    ours.send(1)
    assert theirs.pending()
    assert theirs.recv() == 1
    assert not theirs.pending()
    ours.close()
    assert theirs.pending()
    with pytest.raises(EOFError):
        theirs.recv()
