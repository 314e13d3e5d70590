"""Keyed hashes: identifiers of people and of deliveries, with keys of their food bank."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import IO

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipelines.settings import Settings, SettingsError
from pipelines.store.files import write_atomically

# Stands before a pseudonym that leaves in a workbook and comes back: it is kept, not hashed again.
PSEUDONYM_PREFIX = "pseudonyme:"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Pseudonymizer:
    """Keyed hashes of one food bank (HMAC-SHA-256; keys derived by HKDF, one per use)."""

    identity_key: bytes
    content_key: bytes

    def hash_identity(self, identifier: str) -> str:
        """Replace an identifier of a person: 32 hexadecimal digits, the same for the same one."""
        digest = hmac.new(self.identity_key, identifier.encode(), hashlib.sha256)
        return digest.hexdigest()[:32]

    def hash_content(self, content: bytes) -> str:
        """Identifier of a delivery: keyed hash of its bytes as sent, 32 hexadecimal digits."""
        return hmac.new(self.content_key, content, hashlib.sha256).hexdigest()[:32]

    def copy_and_hash(self, source: IO[bytes], target: IO[bytes] | None) -> str:
        """`hash_content` of an open file, block by block, copied to `target` on the way."""
        digest = hmac.new(self.content_key, digestmod=hashlib.sha256)
        while block := source.read(_BLOCK):
            digest.update(block)
            if target is not None:
                target.write(block)
        if target is not None:
            target.flush()
        return digest.hexdigest()[:32]


def load_pseudonymizer(settings: Settings, food_bank_id: str) -> Pseudonymizer:
    """Derive the keys of one food bank.

    Raises SettingsError without a key, or with one that is too short.
    """
    if settings.pseudonym_key:
        secret = settings.pseudonym_key.get_secret_value()
    elif settings.key_file.is_file():
        secret = settings.key_file.read_text(encoding="utf-8").strip()
    else:
        raise SettingsError(
            "COLLECTO_PSEUDONYM_KEY is not set: identifiers of people could not be protected, so"
            ' nothing is read. Set it, for instance to the output of: python -c "import secrets;'
            ' print(secrets.token_urlsafe(48))"'
        )
    if len(secret) < 32:
        raise SettingsError("COLLECTO_PSEUDONYM_KEY: at least 32 characters are needed")
    keys = [
        HKDF(SHA256(), length=32, salt=None, info=f"{use}/{food_bank_id}".encode()).derive(
            secret.encode()
        )
        for use in ("identity", "content")
    ]
    return Pseudonymizer(*keys)


def make_key_file(settings: Settings) -> None:
    """Make a random key for this data folder where it has none (the demonstration's)."""
    if settings.pseudonym_key or settings.key_file.exists():
        return
    with write_atomically(settings.key_file) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_urlsafe(48) + "\n", encoding="utf-8")
