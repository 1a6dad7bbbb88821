"""Mail through a real SMTP server on this machine: plain, by STARTTLS, by TLS; what is refused says where to look."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.sdk.records import Message
from hub.settings import MailSettings
from hub.sync.mail import Told, post

LETTER = Message("", "业财通：1 项需要处理", "● 订单 SO-1", "notice-1-seen")
USER, PASSWORD = "hub", "s3cret-Of-The-Test"


@dataclass
class Postbox:
    """What came, and how it came."""

    letters: list[tuple[list[str], bytes, bool]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        assert server.transport is not None
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.letters.append((list(envelope.rcpt_tos), envelope.content, encrypted))
        return "250 OK"


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """One that vouches for itself, for the length of a test: certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of the test")])
    alternative = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{host}.crt", folder / f"{host}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    return files


def known(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=right)


Serving = Callable[..., Coroutine[Any, Any, tuple[Postbox, MailSettings]]]


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    """Start a server; what `MailSettings` to use for it."""
    servers: list[asyncio.Server] = []

    async def start(encryption: str, host: str = "127.0.0.1", **more: Any) -> tuple[Postbox, MailSettings]:
        box, loop = Postbox(), asyncio.get_running_loop()
        files = certificate(tmp_path, host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        if encryption == "starttls":
            more |= {"tls_context": context, "require_starttls": True}
        server = await loop.create_server(
            lambda: SMTP(box, loop=loop, timeout=5, **more),
            "127.0.0.1",
            0,
            ssl=context if encryption == "tls" else None,
        )
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        return box, MailSettings.model_validate(
            {
                "host": "127.0.0.1",
                "port": port,
                "encryption": encryption,
                "ca_file": files[0],
                "sender": "hub@example.com",
            }
        )

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def sent(mail: MailSettings, **changes: Any) -> Told:
    return await asyncio.to_thread(post, mail.model_copy(update=changes), "anna@example.com", LETTER)


def login(password: str = PASSWORD, user: str = USER) -> dict[str, Any]:
    return MailSettings(user=user, password=password).model_dump(include={"user", "password"})  # type: ignore[arg-type]


AUTH = {"authenticator": known, "auth_required": True}


@pytest.mark.parametrize("encryption", ["none", "starttls", "tls"])
async def test_each_way_brings_the_letter(serving: Serving, encryption: str) -> None:
    box, mail = await serving(encryption)
    assert await sent(mail) == Told("sent")
    ((to, letter, encrypted),) = box.letters
    assert (to, encrypted) == (["anna@example.com"], encryption != "none")
    assert b"Message-ID: <notice-1-seen@o2c-hub>" in letter


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
async def test_a_login_goes_through_what_is_encrypted(serving: Serving, encryption: str) -> None:
    # To this server a connection that began encrypted looks like a plain one.
    rules = AUTH if encryption == "starttls" else {"authenticator": known, "auth_require_tls": False}
    box, mail = await serving(encryption, **rules)
    assert await sent(mail, **login()) == Told("sent")
    assert len(box.letters) == 1
    told = await sent(mail, **login("wrong-" + PASSWORD))
    assert told.outcome == "failed"
    assert "refuses the login of hub (535" in told.error and "check HUB_MAIL__USER and HUB_MAIL__PASSWORD" in told.error
    assert "拒绝 hub 登录（535" in told.zh and "客户端授权码" in told.zh
    assert PASSWORD not in told.error + told.zh
    assert len(box.letters) == 1
    assert "ASCII" in (await sent(mail, **login("密码"))).error


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
async def test_a_certificate_nobody_vouches_for_is_refused(serving: Serving, encryption: str) -> None:
    box, mail = await serving(encryption)
    told = await sent(mail, ca_file=None)
    assert told.outcome == "failed"
    assert "shows a certificate that is not trusted (self-signed certificate)" in told.error
    assert "HUB_MAIL__CA_FILE" in told.error and "的证书不受信任" in told.zh
    assert box.letters == []


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
async def test_a_certificate_of_another_host_is_refused(serving: Serving, encryption: str) -> None:
    box, mail = await serving(encryption, host="mail.example.com")
    told = await sent(mail)
    assert "not trusted (IP address mismatch" in told.error and "HUB_MAIL__HOST" in told.zh
    assert box.letters == []


@pytest.mark.parametrize(
    ("there", "asked", "sentence", "zh"),
    [
        ("none", "tls", "speaks no TLS there", "在该端口不使用 TLS"),
        ("none", "starttls", "does not offer what is asked for (STARTTLS", "不支持所需的功能"),
    ],
)
async def test_it_is_never_sent_less_encrypted_than_asked(
    serving: Serving, there: str, asked: str, sentence: str, zh: str
) -> None:
    box, mail = await serving(there)
    told = await sent(mail, encryption=asked)
    assert told.outcome == "failed"
    assert sentence in told.error and "HUB_MAIL__ENCRYPTION" in told.error and zh in told.zh
    assert box.letters == []


async def test_what_the_settings_lack_is_said(serving: Serving, tmp_path: Path) -> None:
    box, mail = await serving("starttls", **AUTH)
    told = await sent(mail)
    assert told.outcome == "failed" and "530" in told.error
    told = await sent((await serving("none"))[1], **login())
    assert "HUB_MAIL__USER if it wants no login" in told.error
    told = await sent(mail, ca_file=tmp_path / "nowhere.pem")
    assert "HUB_MAIL__CA_FILE" in told.error and "没有可读取的证书" in told.zh
    assert box.letters == []
    (tmp_path / "empty.pem").write_text("no certificate")
    assert "HUB_MAIL__CA_FILE" in (await sent(mail, ca_file=tmp_path / "empty.pem")).error


async def test_a_server_that_is_not_there_is_said() -> None:
    told = await sent(MailSettings(host="127.0.0.1", port=1, encryption="tls"))
    assert told.outcome == "failed"
    assert "127.0.0.1:1 cannot be reached" in told.error and "无法连接" in told.zh
