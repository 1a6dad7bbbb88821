"""The shared envelope against every vector of the two vendors' sheets, and what must be refused."""

import base64
from dataclasses import dataclass, replace

import pytest

from hub.sdk import ConfigInvalid, Refused
from hub.sdk.envelope import BLOCK, Envelope, aes_key


@dataclass(frozen=True)
class Vector:
    """One test vector; `salt` empty where the vendor published none."""

    name: str
    token: str
    key: str
    owner: str
    salt: str
    timestamp: str
    nonce: str
    message: str
    encrypted: str
    signature: str
    padding: int | None = None

    def envelope(self) -> Envelope:
        return Envelope(self.token, aes_key(self.key, "callback_aes_key"), self.owner)


VECTORS = [
    Vector(
        name="D1",
        token="HubTok2026Ding",
        key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        owner="dinghubappkey000001",
        salt="0123456789abcdef",
        timestamp="1767225600000",
        nonce="6clubcaE",
        message='{"EventType":"check_url"}',
        encrypted=(
            "4j/AuRx71kQlxVlzbpsMWN8XtjwRdOcH+n7e3hsaZgEMcwZUcfF7dIDeZ037cZxfZsJhmYmw8Qg4eU9iixzwjXeSy6xGIY64tYs2"
            "guA7P09qeB3NO1hhfNGFjPDem+IE"
        ),
        signature="70b6fdc7070ff6fd408e31b26f1636f602697336",
        padding=32,
    ),
    Vector(
        name="D2",
        token="HubTok2026Ding",
        key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        owner="dinghubappkey000001",
        salt="fedcba9876543210",
        timestamp="1767225600123",
        nonce="HubNonce16chars0",
        message="success",
        encrypted="wrNmYnsdngNwZHPRm4NnS50YfabvqnqlSg76jchW5avo7l22e07Efa/mWvar2xRQj453Hw1fH7XY2/0dE2OPiA==",
        signature="8b0f0c743aa6f5e48a9a46d4405d9cb835cb8885",
        padding=18,
    ),
    Vector(
        name="D3",
        token="HubTok2026Ding",
        key="x9Jd0aQw7RkT3ZpLm2VbYc8HfUe5NgSi1CoXtqMBvKE",
        owner="dinghubappkey000001",
        salt="ABCDEFGHIJKLMNOP",
        timestamp="1767225601000",
        nonce="n3xyz",
        message=(
            '{"EventType":"bpms_instance_change","CorpId":"ding00hubcorp","eventId":"ev-0001","processInstanceId"'
            ':"PI-0001","type":"finish","result":"agree","title":"采购申请-1001"}'
        ),
        encrypted=(
            "XjZtso21gMF3JxJCUr2SDsMmaQQWM2xVtGnbBOxqKnYnvgDEW6m+dhtQsgWUwE8ie1rHTxupHierW0rtbcISqC9Nr/ZTyLYFz8hP"
            "HYyIlEE1/2tN/4Ihoz0dlF+1tGIjQN2/XDb08rKzizbj+7qRoXeL3i5x1EdzS7ScYfRS8TRJL7uzf2pqPDU5zfMs6A8QRJl3W1Nx"
            "69bEb31mfFrBdX3tTjkqYkK4sWY6EDXyM6SFGx+MWDTRpxqrdoDTGvDNnWMR+2nCjugF9LdjwYWFwi5XZJyCZ7s9R43+cf8WUuc="
        ),
        signature="f9ce13d12720c1f3a2c0bafe3b28e4a1c2563fb9",
        padding=13,
    ),
    Vector(
        name="W1",
        token="HubTok2026Wecom",
        key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        owner="ww0123456789abcdef",
        salt="0123456789abcdef",
        timestamp="1767225600",
        nonce="nonce0001",
        message="1616140317555161061",
        encrypted="4j/AuRx71kQlxVlzbpsMWFHe92iq4VdHki6B+j5nrtgcS54Mj3xQTtZ/FUl+1TNkgHFEtNbC6UD+fm58bt1m+w==",
        signature="6e3808507738a74562538226ff6e4dd545a52c70",
        padding=7,
    ),
    Vector(
        name="W2",
        token="HubTok2026Wecom",
        key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        owner="ww0123456789abcdef",
        salt="fedcba9876543210",
        timestamp="1767225601",
        nonce="372623149",
        message=(
            "<xml><ToUserName><![CDATA[ww0123456789abcdef]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserN"
            "ame><CreateTime>1767225600</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_ex"
            "ternal_contact]]></Event><ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[z"
            "hangsan]]></UserID><ExternalUserID><![CDATA[wmHub0001]]></ExternalUserID><State><![CDATA[渠道一]]></Sta"
            "te></xml>"
        ),
        encrypted=(
            "wrNmYnsdngNwZHPRm4NnS92Mm2amNZxUA5acwuWZnX9xnjbP5jn1E0lmioSUlUfKvWrbmLsl5CgPtb3i0FsIFyCsSuZUy3lBqntR"
            "HnSOJ279Ae8dzB+eTdNDEoWOKCyGRSJCcgB7Sp3WJTRGU562YkJ2cwyZqnwrbzF9uhE5z+JuvGGW52VY8dPAxI0AXitkwQ3/H9aj"
            "GsYDHJIwLfWH3pQXorXUBYpscOTRnp7v7HEjYT5JyGMGynq68XIIFBeFocloP+XVBMpbvTd5DUfS67WRg/rWkxyJDBWFcliCXyBI"
            "6GpJDATSJ0lqLJxOnrBXzHv5PmE9DU/bDG/HboCsWXtHfFCvWzOqlGIH9WmgUK3EqtpVOCQJ53zIun4s7p7cWUiXpX5Klylx2jhz"
            "dy3gLZBTBG25vF8cs9lq/BEuIOIfdqX/l4ckExTVoix2SAgtiCxfQeoXo+GGTCaYXH93ygeCTYjtt0wiLEkzkCqCZOvSY6nUKLT0"
            "AME6LBgCetQJRYsQtDdRmRYy9Ryb/Q2MkVBjCL3N3nlXqvrIlCa16JFIilyxOfdW8pUCTDpAg6rS4B6gkwUBJHQpoIo8tUM4XXyC"
            "OesZJOYNwzA0OEJGQL9HgbZg0ZIlNWXtlPzNQja6"
        ),
        signature="62d5c8ab090c4d76bfeea23bd8ebeda1e4dfc427",
        padding=27,
    ),
    Vector(
        name="W3",
        token="HubTok2026Wecom",
        key="x9Jd0aQw7RkT3ZpLm2VbYc8HfUe5NgSi1CoXtqMBvKE",
        owner="ww0123456789abcdef",
        salt="ABCDEFGHIJKLMNOP",
        timestamp="1767225602",
        nonce="n3",
        message="xxxxxxxxxxxxxxxxxxxxxxxxxx",
        encrypted=(
            "XjZtso21gMF3JxJCUr2SDizQC5jtauswTkaJ7H+2CFJVqIg7wk9/qbKGjH/RqyHViLHju627u5/ZvzTm3kLBxNjFrE4UkhJZv44k"
            "pWqKOoBkRamWSN/I/s2+nIlM7Dgh"
        ),
        signature="42264162985a2eb712021287ff564bb920685129",
        padding=32,
    ),
    Vector(
        name="A",
        token="123456",
        key="1234567890123456789012345678901234567890123",
        owner="dingsnotzck6pm5veliw",
        salt="",
        timestamp="1614767836",
        nonce="A7Co0cJLMzIDtMMI",
        message="success",
        encrypted="YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZNwpwWSm1xAFJ5ZA==",
        signature="9a95a004dd16f5c307e849b994173f76aa26e5eb",
    ),
    Vector(
        name="B",
        token="123456",
        key="4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij",
        owner="suite4xxxxxxxxxxxxxxx",
        salt="",
        timestamp="1445827045067",
        nonce="nEXhMP4r",
        message='{"EventType":"check_create_suite_url","Random":"LPIdSnlF","TestSuiteKey":"suite4xxxxxxxxxxxxxxx"}',
        encrypted=(
            "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDMG+OzrHMeiZI7gTRWVdUBmfxjZ8Ej"
            "23JVYa9VrYeJ5as7XM/ZpulX8NEQis44w53h1qAgnC3PRzM7Zc/D6Ibr0rgUathB6zRHP8PYrfgnNOS9PhSBdHlegK+AGGanfwjX"
            "uQ9+0pZcy0w9lQ=="
        ),
        signature="5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0",
    ),
    Vector(
        name="published",
        token="QDG6eK",
        key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
        owner="wx5823bf96d3bd56c7",
        salt="",
        timestamp="1409659589",
        nonce="263014780",
        message="1616140317555161061",
        encrypted="P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
        signature="5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
    ),
]

every = pytest.mark.parametrize("vector", VECTORS, ids=[v.name for v in VECTORS])
FIRST = VECTORS[0]


@every
def test_opens(vector: Vector) -> None:
    opened = vector.envelope().open(vector.signature, vector.timestamp, vector.nonce, vector.encrypted)
    assert opened.decode() == vector.message


@every
def test_signs(vector: Vector) -> None:
    assert vector.envelope().sign(vector.timestamp, vector.nonce, vector.encrypted) == vector.signature


@pytest.mark.parametrize("vector", [v for v in VECTORS if v.salt], ids=[v.name for v in VECTORS if v.salt])
def test_encrypts_byte_for_byte(vector: Vector) -> None:
    assert vector.envelope().encrypt(vector.message.encode(), vector.salt.encode()) == vector.encrypted
    inside = 16 + 4 + len(vector.message.encode()) + len(vector.owner)
    assert len(base64.b64decode(vector.encrypted)) == inside + (vector.padding or 0)


@pytest.mark.parametrize("length", range(70))
def test_every_padding_round_trips(length: int) -> None:
    envelope = FIRST.envelope()
    encrypted = envelope.encrypt(b"x" * length)
    assert len(base64.b64decode(encrypted)) % BLOCK == 0
    assert envelope.decrypt(encrypted) == b"x" * length


def test_same_message_encrypts_differently_each_time() -> None:
    envelope = FIRST.envelope()
    assert envelope.encrypt(b"success") != envelope.encrypt(b"success")


def test_one_changed_character_breaks_the_signature() -> None:
    changed = FIRST.encrypted.replace("4j", "5j", 1)
    with pytest.raises(Refused, match="signature does not match") as refused:
        FIRST.envelope().open(FIRST.signature, FIRST.timestamp, FIRST.nonce, changed)
    assert refused.value.status == 401
    assert "签名" in refused.value.zh


@pytest.mark.parametrize("missing", ["signature", "timestamp", "nonce", "encrypted"])
def test_missing_part_is_named(missing: str) -> None:
    holey = replace(FIRST, **{missing: ""})
    with pytest.raises(Refused, match="missing") as refused:
        holey.envelope().open(holey.signature, holey.timestamp, holey.nonce, holey.encrypted)
    assert refused.value.status == 400


@pytest.mark.parametrize("signature", ["0" * 40, "x", "é", "70B6FDC7"])
def test_wrong_signature(signature: str) -> None:
    with pytest.raises(Refused, match="signature does not match"):
        FIRST.envelope().open(signature, FIRST.timestamp, FIRST.nonce, FIRST.encrypted)


def test_lone_surrogate_is_refused_not_a_crash() -> None:
    with pytest.raises(Refused, match="signature does not match"):
        FIRST.envelope().open("0" * 40, FIRST.timestamp, FIRST.nonce, "\ud800")


def test_right_signature_but_another_owner() -> None:
    other = replace(FIRST, owner="anotherappkey").envelope()
    with pytest.raises(Refused, match="not addressed to anotherappkey") as refused:
        other.open(FIRST.signature, FIRST.timestamp, FIRST.nonce, FIRST.encrypted)
    assert refused.value.status == 401


def test_another_key_is_refused() -> None:
    other = replace(FIRST, key="x9Jd0aQw7RkT3ZpLm2VbYc8HfUe5NgSi1CoXtqMBvKE").envelope()
    with pytest.raises(Refused, match="cannot be decrypted"):
        other.decrypt(FIRST.encrypted)


@pytest.mark.parametrize(
    ("encrypted", "reason"),
    [("not base64!", "no base64"), ("AAAA", "multiple of 32"), ("", "multiple of 32"), ("钉钉", "no base64")],
)
def test_no_ciphertext(encrypted: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        FIRST.envelope().decrypt(encrypted)


class Raw(Envelope):
    """Encrypts plain text as it is given, padding and all."""

    def raw(self, plain: bytes) -> str:
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


@pytest.mark.parametrize("padding", [0, 33, 255])
def test_padding_outside_1_to_32(padding: int) -> None:
    raw = Raw(FIRST.token, FIRST.envelope().key, FIRST.owner)
    with pytest.raises(Refused, match="padding"):
        raw.decrypt(raw.raw(bytes(63) + bytes([padding])))


def test_uneven_padding() -> None:
    raw = Raw(FIRST.token, FIRST.envelope().key, FIRST.owner)
    with pytest.raises(Refused, match="padding"):
        raw.decrypt(raw.raw(bytes(62) + b"\x01\x02"))


@pytest.mark.parametrize("inside", [bytes(16) + b"\xff\xff\xff\xff", bytes(10), b""])
def test_length_that_does_not_fit(inside: bytes) -> None:
    raw = Raw(FIRST.token, FIRST.envelope().key, FIRST.owner)
    count = BLOCK - len(inside) % BLOCK
    with pytest.raises(Refused, match="length"):
        raw.decrypt(raw.raw(inside + bytes([count]) * count))


def test_unused_bits_of_the_last_key_character_are_ignored() -> None:
    # vector B's key ends in "j": a strict decoder refuses it
    assert aes_key("A" * 42 + "B", "k") == aes_key("A" * 43, "k") == bytes(32)


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "密"])
def test_key_of_another_form(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="`callback_aes_key` must be the 43"):
        aes_key(text, "callback_aes_key")


def test_secrets_do_not_show() -> None:
    shown = repr(FIRST.envelope())
    assert FIRST.token not in shown
    assert "key" not in shown.replace(FIRST.owner, "")
