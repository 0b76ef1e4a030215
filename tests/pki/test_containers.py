"""Containers as other programs open them."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from backend.pki.authority import Authority, new_key
from backend.pki.containers import certificates_only, key_file
from tests.certifying import openssl
from tests.pki.conftest import NOW

WORD = "A" * 22


def test_a_key_file_holds_key_certificate_and_chain(authority: Authority) -> None:
    key, chain = new_key("server"), [authority.servers.certificate]
    leaf = authority.issue_server_certificate(key.public_key(), ["localhost"], now=NOW)
    opened = pkcs12.load_pkcs12(key_file("a name", key, leaf, chain, WORD), WORD.encode())
    assert opened.cert is not None
    assert (opened.cert.certificate, opened.cert.friendly_name) == (leaf, b"a name")
    assert [each.certificate for each in opened.additional_certs] == chain


@pytest.mark.parametrize("word", ["", "A" * 21])
def test_a_key_file_is_never_made_with_a_word_that_can_be_guessed(authority: Authority, word: str) -> None:
    with pytest.raises(ValueError, match="128 bits"):
        key_file("a name", authority.servers.key, authority.servers.certificate, [], word)


def test_certificates_without_a_key(authority: Authority, tmp_path: Path) -> None:
    both = [authority.subscribers.certificate, authority.root]
    (tmp_path / "both.p7").write_bytes(certificates_only(both))
    assert set(pkcs7.load_der_pkcs7_certificates((tmp_path / "both.p7").read_bytes())) == set(both)
    assert openssl(tmp_path, "pkcs7", "-inform", "DER", "-in", "both.p7", "-print_certs").count("BEGIN CERT") == 2
