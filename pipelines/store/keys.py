"""Keyed hashes: identifiers of people and of deliveries, with keys of their food bank."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import IO

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from data_contracts.files import write_atomically
from pipelines.settings import Settings, SettingsError

# Stands before a pseudonym that leaves in a workbook and comes back: it is kept, not hashed again.
PSEUDONYM_PREFIX = "pseudonyme:"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Pseudonymizer:
    """Keyed hashes of one food bank (HMAC-SHA-256; keys derived by HKDF, one per use).

    `identity_keys`: one per generation, oldest first. A rotation chains: what the former keys gave
    is hashed again with the new one, so that what is stored can follow and no household is new.
    Deliveries keep the key of their first generation: the same bytes stay the same delivery.
    """

    identity_keys: tuple[bytes, ...]
    content_key: bytes

    @property
    def generation(self) -> int:
        return len(self.identity_keys)

    def hash_identity(self, identifier: str) -> str:
        """Replace an identifier of a person: 32 hexadecimal digits, the same for the same one."""
        return self.follow(identifier, 0)

    def follow(self, value: str, generation: int) -> str:
        """A pseudonym of an earlier generation (0: an identifier) as it is now."""
        for key in self.identity_keys[generation:]:
            value = hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:32]
        return value

    def mark(self, generation: int) -> str:
        """Tells the keys of the first generations from others, and nothing else of them."""
        chain = Pseudonymizer(self.identity_keys[:generation], self.content_key)
        return chain.hash_identity("mark of the keys")

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
    former = settings.pseudonym_former_keys
    secrets_ = [*(former.get_secret_value().split("|") if former else ()), secret]
    if any(len(entry.strip()) < 32 for entry in secrets_):
        raise SettingsError("COLLECTO_PSEUDONYM_KEY: at least 32 characters are needed")

    def derive(use: str, entry: str) -> bytes:
        information = f"{use}/{food_bank_id}".encode()
        hkdf = HKDF(SHA256(), length=32, salt=None, info=information)
        return hkdf.derive(entry.strip().encode())

    return Pseudonymizer(
        tuple(derive("identity", entry) for entry in secrets_), derive("content", secrets_[0])
    )


# Twelve zeros: among a million pseudonyms one has them by chance once in 300 million times.
STRANGER = "0" * 12


def make_stranger(value: str, salt: str) -> str:
    """What stands for an erased pseudonym: of its length, the same for the same salt.

    Without the salt, which is thrown away after the erasure, nobody finds the way back.
    """
    return STRANGER + hmac.new(salt.encode(), value.encode(), hashlib.sha256).hexdigest()[:20]


def is_stranger(value: str) -> bool:
    """Whether this stands for somebody who was erased."""
    return value.startswith(STRANGER)


def make_key_file(settings: Settings) -> None:
    """Make a random key for this data folder where it has none (the demonstration's)."""
    if settings.pseudonym_key or settings.key_file.exists():
        return
    with write_atomically(settings.key_file) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_urlsafe(48) + "\n", encoding="utf-8")
