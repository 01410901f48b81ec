"""Each fault does what it says: seen on the wire, and in what is stored afterwards."""

from __future__ import annotations

import hashlib
import http.client
import threading

import pytest

from .faults import Active, Fault, Kind, flipped
from .tally import parse

BODY = bytes(range(256)) * 40


@pytest.fixture
def key(moto_bucket, wire):
    """A stored object: its path."""
    path = f"/{moto_bucket.name}/some/key"
    assert wire.ask("PUT", path, BODY)[0].status == 200
    return path


def bits(one, other):
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("status", "code"), [(500, b"InternalError"), (503, b"SlowDown"), (403, b"AccessDenied")])
def test_an_error_is_answered_and_nothing_is_stored(moto_server, key, wire, status, code):
    with moto_server.fault(Fault(Kind.ERROR, status=status, operation="PUT")):
        answer, text = wire.ask("PUT", key, b"new")
    assert (answer.status, code in text) == (status, True)
    assert wire.ask("GET", key)[1] == BODY, "the connection goes on, and the object is what it was"


def test_a_reset_before_leaves_the_object_as_it_was(moto_server, key, wire):
    with moto_server.fault(Fault(Kind.RESET, operation="PUT")), pytest.raises(ConnectionResetError):
        wire.ask("PUT", key, b"new")
    wire.close()
    assert wire.ask("GET", key)[1] == BODY
    assert moto_server.requests(operation="PUT")[-1]["status"] == 0


def test_a_lost_reply_has_stored_the_object(moto_server, key, wire):
    with moto_server.fault(Fault(Kind.LOST, operation="PUT")), pytest.raises(ConnectionResetError):
        wire.ask("PUT", key, b"new")
    wire.close()
    assert wire.ask("GET", key)[1] == b"new"


def test_a_truncated_body_ends_early_and_in_order(moto_server, key, wire):
    with moto_server.fault(Fault(Kind.TRUNCATED, operation="GET")):
        wire.request("GET", key)
        answer = wire.getresponse()
        assert int(answer.headers["Content-Length"]) == len(BODY)
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
    assert caught.value.partial == BODY[: len(BODY) // 2]


def test_a_torn_body_ends_with_a_reset(moto_server, key, wire):
    with moto_server.fault(Fault(Kind.TORN, operation="GET")), pytest.raises(ConnectionResetError):
        wire.request("GET", key)
        wire.getresponse().read()


def test_one_bit_of_an_answer_is_another(moto_server, key, wire):
    with moto_server.fault(Fault(Kind.FLIP_ANSWER, operation="GET")):
        assert bits(wire.ask("GET", key)[1], BODY) == 1
    assert wire.ask("GET", key)[1] == BODY


def test_one_bit_of_what_is_stored_is_another(moto_server, key, wire):
    with moto_server.fault(Fault(Kind.FLIP_REQUEST, operation="PUT")):
        assert wire.ask("PUT", key, BODY)[0].status == 200
    assert bits(wire.ask("GET", key)[1], BODY) == 1


def test_one_bit_of_a_body_with_signed_pieces_is_another(moto_server, key, wire):
    size = f"{len(BODY):x};chunk-signature={'0' * 64}\r\n".encode()
    framed = size + BODY + b"\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-decoded-content-length": str(len(BODY)),
    }
    assert wire.ask("PUT", key, framed, **headers)[0].status == 200
    assert wire.ask("GET", key)[1] == BODY
    with moto_server.fault(Fault(Kind.FLIP_REQUEST, operation="PUT")):
        assert wire.ask("PUT", key, framed, **headers)[0].status == 200
    assert bits(wire.ask("GET", key)[1], BODY) == 1


@pytest.mark.parametrize("kind", [Kind.HANG, Kind.SILENT])
def test_a_request_hangs_until_it_is_released(moto_server, key, wire, connect, kind):
    answers = []
    other = connect()
    with moto_server.fault(Fault(kind, operation="PUT")):
        asking = threading.Thread(target=lambda: answers.append(other.ask("PUT", key, b"new")[0].status))
        asking.start()
        assert moto_server.await_held() == 1
        assert answers == []
        assert wire.ask("GET", key)[1] == (BODY if kind is Kind.HANG else b"new")
        moto_server.release()
        asking.join()
    assert answers == [200]
    assert wire.ask("GET", key)[1] == b"new"


def test_calm_forgets_what_hangs(moto_server, key, wire, connect):
    failed = []

    def asks():
        try:
            other.ask("PUT", key, b"new")
        except ConnectionResetError as error:
            failed.append(error)

    other = connect()
    moto_server.inject(Fault(Kind.HANG, operation="PUT"))
    asking = threading.Thread(target=asks)
    asking.start()
    moto_server.await_held()
    moto_server.calm()
    asking.join()
    assert len(failed) == 1
    assert wire.ask("GET", key)[1] == BODY
    assert wire.ask("PUT", key, b"new")[0].status == 200, "the fault is gone as well"


@pytest.mark.parametrize("kind", [Kind.LATE, Kind.SLOW])
def test_a_slow_answer_is_whole(moto_server, key, wire, kind):
    with moto_server.fault(Fault(kind, operation="GET", seconds=0.02)):
        assert wire.ask("GET", key)[1] == BODY


def test_several_faults_strike_one_request(moto_server, key, wire):
    with (
        moto_server.fault(Fault(Kind.LATE, seconds=0.001)),
        moto_server.fault(Fault(Kind.FLIP_REQUEST, operation="PUT")),
        moto_server.fault(Fault(Kind.LOST, operation="PUT")),
        pytest.raises(ConnectionResetError),
    ):
        wire.ask("PUT", key, BODY)
    wire.close()
    assert bits(wire.ask("GET", key)[1], BODY) == 1
    assert moto_server.requests(operation="PUT")[-1]["faults"] == ["late", "flip-request", "lost"]


def test_a_client_that_ends_in_the_middle_stores_nothing(moto_server, key, wire):
    wire.putrequest("PUT", key)
    wire.putheader("Content-Length", str(2 * len(BODY)))
    wire.endheaders(BODY)
    wire.close()
    assert wire.ask("GET", key)[1] == BODY


def test_a_fault_that_never_struck_fails_the_test(moto_server, key):
    with (
        pytest.raises(AssertionError, match="no request was struck"),
        moto_server.fault(Fault(Kind.RESET, path="else")),
    ):
        pass


def test_clients_try_again_by_themselves(moto_server, moto_bucket, s3):
    fault = Fault(Kind.ERROR, status=503, operation="PUT", times=1)
    with moto_server.fault(fault):
        s3(moto_bucket, attempts=3).put_object(Bucket=moto_bucket.name, Key="a", Body=b"a")
    assert moto_server.counts(moto_bucket.name)["PUT"] == 2


@pytest.mark.parametrize("times", [None, 2])
def test_which_requests_are_struck(times):
    active = Active(Fault(Kind.ERROR, operation="PUT|PART", path=r"^/b/x", after=2, every=3, times=times))
    put, other, elsewhere = parse("PUT", "/b/x/1", 0), parse("GET", "/b/x/1", 0), parse("PUT", "/b/y", 0)
    struck = []
    for number in range(1, 13):
        assert not active.strikes(other, has_body=True)
        assert not active.strikes(elsewhere, has_body=True)
        if active.strikes(put, has_body=True):
            struck.append(number)
    assert struck == [5, 8, 11][: times or 3]
    assert (active.fitted, active.struck) == (12, len(struck))


def test_a_fault_that_needs_a_body_waits_for_one():
    active = Active(Fault(Kind.TRUNCATED, times=1))
    request = parse("GET", "/b/x", 0)
    assert not active.strikes(request, has_body=False)
    assert active.strikes(request, has_body=True)


def test_flipped_changes_one_bit_inside():
    assert bits(flipped(BODY), BODY) == 1
    damaged = flipped(BODY, 10, 20)
    assert hashlib.md5(damaged[:10] + damaged[30:]).digest() == hashlib.md5(BODY[:10] + BODY[30:]).digest()
    assert bits(damaged, BODY) == 1


def test_a_fault_survives_the_way_to_the_server():
    fault = Fault(Kind.SLOW, "GET", "GET|HEAD", "a+", 1, 2, 3, 503, 0.5)
    assert Fault.from_dict(fault.to_dict()) == fault
