import pytest

from p2pos import P2posError, cbor, verify_delivery, verify_receipt
from p2pos.peer_id import peer_id_of, public_key_of
from p2pos.receipt import _is_version
from p2pos.wire import duration

from vectors import value_of, vectors


def test_cbor_is_read_and_written_as_everywhere() -> None:
    found = vectors("cbor")
    for one in found["accepted"]:
        data = bytes.fromhex(one["hex"])
        assert cbor.encode(value_of(one["value"])) == data, one
        assert cbor.encode(cbor.decode(data)) == data
    for one in found["refused"] + found["ordinary"]:
        with pytest.raises(P2posError) as refusal:
            cbor.decode(bytes.fromhex(one["hex"]))
        assert refusal.value.code == "CBOR_MALFORMED", one


def test_peer_ids_name_keys() -> None:
    found = vectors("ids")
    for one in found["peerIds"]:
        key = bytes.fromhex(one["publicKey"])
        assert peer_id_of(key) == one["peerId"]
        assert public_key_of(one["peerId"]) == key
    for one in found["refusedPeerIds"]:
        with pytest.raises(P2posError):
            public_key_of(one["text"])


def test_versions_are_ordered_as_text() -> None:
    found = vectors("versions")
    texts = [one["text"] for one in found["versions"]]
    assert texts == sorted(texts)
    assert all(map(_is_version, texts))
    assert not any(_is_version(one["text"]) for one in found["refused"])


def test_durations_are_written_in_their_shortest_form() -> None:
    for one in vectors("time")["durations"]:
        assert duration(one["ms"]) == one["shortest"]


def test_receipts_prove_what_they_are_for_and_nothing_else() -> None:
    pytest.importorskip("cryptography", reason="needs the package cryptography")
    found = vectors("receipts")
    trusted = {"system_id": found["systemId"], "members": found["members"]}
    for one in found["valid"]:
        key = bytes.fromhex(one["key"])
        value = None if one["value"] is None else bytes.fromhex(one["value"])
        claim = {"key": key, "value": value, "deleted": value is None}
        proved = verify_receipt(one["receipt"], **trusted, **claim)
        assert len(proved.peer_ids) >= 2
        assert proved.record.key == key
        wrong = [
            {"key": key + b"x"},
            {"value": b"another"},
            {"namespace": "shop/other"},
            {"version": "0" * 16},
            {"deleted": value is not None, "value": None if value is not None else b""},
            {"needed": len(proved.peer_ids) + 1},
        ]
        for change in wrong:
            with pytest.raises(P2posError) as refusal:
                verify_receipt(one["receipt"], **{**trusted, **claim, **change})
            assert refusal.value.code == "RECEIPT_REFUSED", change
    for one in found["refused"]:
        with pytest.raises(P2posError) as refusal:
            verify_receipt(one["receipt"], **trusted)
        assert refusal.value.code == "RECEIPT_REFUSED", one["why"]


def test_receipts_of_delivery_prove_what_they_are_for_and_nothing_else() -> None:
    pytest.importorskip("cryptography", reason="needs the package cryptography")
    found = vectors("deliveries")
    trusted = {"system_id": found["systemId"], "members": found["members"]}
    for one in found["valid"]:
        claim = {"topic": one["topic"], "data": bytes.fromhex(one["data"])}
        proved = verify_delivery(one["receipt"], **trusted, **claim)
        assert proved.clients == one["clients"] and proved.message.topic == one["topic"]
        assert list(proved.peer_ids) == [word["peerId"] for word in one["receipt"]["statements"]]
        assert proved.first_at <= proved.last_at
        wrong = [
            {"topic": one["topic"] + "x"},
            {"data": b"another"},
            {"system_id": "sys1other"},
            {"members": []},
        ]
        for change in wrong:
            with pytest.raises(P2posError) as refusal:
                verify_delivery(one["receipt"], **{**trusted, **claim, **change})
            assert refusal.value.code == "RECEIPT_REFUSED", change
    unreadable = [{}, {**found["valid"][0]["receipt"], "delivery": {"$blob": "oA=="}}]
    for receipt in [*(one["receipt"] for one in found["refused"]), *unreadable]:
        with pytest.raises(P2posError) as refusal:
            verify_delivery(receipt, **trusted)
        assert refusal.value.code == "RECEIPT_REFUSED"
