"""The encrypted envelope DingTalk and WeCom share: AES-256-CBC padded to 32 bytes, signed with a sorted SHA-1.

Plain text inside: 16 random bytes, the message's length in bytes (4, big-endian), the message, the owner's id.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hub.sdk.errors import ConfigInvalid
from hub.sdk.records import Refused

BLOCK = 32  # bytes; PKCS#7 over twice the size of an AES block, so a padding of 17 to 32 is right
SALT = 16  # random bytes in front
HEAD = SALT + 4
KEY_TEXT = re.compile(r"[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One callback's secrets. `owner` is the id behind the message: app key, corp id or suite key."""

    token: str = field(repr=False)
    key: bytes = field(repr=False)
    owner: str

    def sign(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """Lower-case hex SHA-1 over the four texts sorted by byte value."""
        parts = sorted(text.encode("utf-8", "surrogatepass") for text in (self.token, timestamp, nonce, encrypted))
        # SHA-1 is what both vendors prescribe
        return hashlib.sha1(b"".join(parts)).hexdigest()  # noqa: S324

    def open(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> bytes:
        """The message of a signed envelope; the signature is checked before anything is decrypted."""
        if not (signature and timestamp and nonce and encrypted):
            raise Refused(
                "signature, timestamp, nonce or the encrypted text is missing",
                zh="缺少签名、时间戳、随机串或密文",
                status=400,
            )
        expected = self.sign(timestamp, nonce, encrypted)
        if not hmac.compare_digest(expected.encode(), signature.lower().encode("utf-8", "surrogatepass")):
            raise Refused(
                "the signature does not match: compare the callback token with the vendor's console",
                zh="签名不符：请核对回调 Token 与厂商后台是否一致",
            )
        return self.decrypt(encrypted)

    def decrypt(self, encrypted: str) -> bytes:
        """The message inside; raises `Refused` when key, padding, length or owner do not fit."""
        plain = self._plain(encrypted)
        end = HEAD + int.from_bytes(plain[SALT:HEAD], "big")
        if len(plain) < HEAD or end > len(plain):
            raise _undecipherable("the length inside does not fit")
        if not hmac.compare_digest(plain[end:], self.owner.encode()):
            raise Refused(
                f"the envelope is not addressed to {self.owner}: check the app key or corp id",
                zh=f"消息的归属标识不是 {self.owner}：请核对 AppKey 或 CorpId",
            )
        return plain[HEAD:end]

    def encrypt(self, message: bytes, salt: bytes | None = None) -> str:
        """Base64 of the encrypted message; `salt` (16 bytes) is for tests, else it is random."""
        head = (salt or secrets.token_bytes(SALT)) + len(message).to_bytes(4, "big")
        plain = head + message + self.owner.encode()
        count = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher().encryptor()
        data = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
        return base64.b64encode(data).decode("ascii")

    def _plain(self, encrypted: str) -> bytes:
        try:
            data = base64.b64decode(encrypted, validate=True)
        except ValueError:
            raise _undecipherable("the encrypted text is no base64 (a plus sign may have become a space)") from None
        if not data or len(data) % BLOCK:
            raise _undecipherable(f"{len(data)} bytes are not a multiple of {BLOCK}")
        decryptor = self._cipher().decryptor()
        padded = decryptor.update(data) + decryptor.finalize()
        count = padded[-1]
        if not 1 <= count <= BLOCK or padded[-count:] != bytes([count]) * count:
            raise _undecipherable("the padding is wrong, so the AES key is probably another one")
        return padded[:-count]

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self.key), modes.CBC(self.key[:16]))


def aes_key(text: str, field_name: str) -> bytes:
    """The 32 bytes of a 43-character key. Unused bits of the last character are ignored, as the vendors do."""
    if not KEY_TEXT.fullmatch(text):
        raise ConfigInvalid(
            f"`{field_name}` must be the 43 letters and digits shown in the vendor's console",
            zh=f"{field_name} 应为厂商后台显示的 43 位字母和数字",
        )
    return binascii.a2b_base64(text + "=")


def _undecipherable(reason: str) -> Refused:
    return Refused(f"the envelope cannot be decrypted: {reason}", zh=f"无法解密：{reason}", status=400)
