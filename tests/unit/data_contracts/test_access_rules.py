"""From an identity to a role: denied by default, errors with their line, changes seen at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_contracts.access_rules import AccessRulesError, load_access_rules, read_claim

ISSUER = "https://login.example.org"
RULES = """\
contact: Data office, data@example.org
access:
  - role: metropole
    claim: cities
    territories: [242100410]
  - role: food_bank
    claim: bourgogne
    food_banks: [bourgogne]
  - role: food_bank
    claim: isere
    food_banks: [isere, bourgogne]
  - role: data_team
    issuer: https://login.example.org
    subject: "42"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "access.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("issuer", "subject", "values", "role"),
    [
        (ISSUER, "1", {"isere"}, ("food_bank", ("isere", "bourgogne"))),
        # further entries of the same role add their scope, others do not change the role
        (ISSUER, "1", {"isere", "bourgogne"}, ("food_bank", ("bourgogne", "isere"))),
        (ISSUER, "1", {"bourgogne", "cities"}, ("metropole", ("242100410",))),
        # the person goes before the groups, and only with the right issuer
        (ISSUER, "42", {"cities"}, ("data_team", ())),
        ("https://elsewhere.example", "42", set(), None),
        (ISSUER, "1", {"Bourgogne", "bourgogne ", "visitors"}, None),
        (ISSUER, "1", set(), None),
    ],
)
def test_a_role_is_that_of_an_entry_or_none(
    file: Path,
    issuer: str,
    subject: str,
    values: set[str],
    role: tuple[str, tuple[str, ...]] | None,
) -> None:
    assert load_access_rules(file).find_role(issuer, subject, frozenset(values)) == role


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("role: data_team", "role: king", 12, "Input should be"),
        ("food_banks: [bourgogne]", "food_banks: []", 6, "needs food_banks"),
        ("    food_banks: [bourgogne]", "    territories: ['1']", 8, "pattern"),
        ("food_banks: [bourgogne]", "food_banks: [../isere]", 8, "pattern"),
        ("claim: cities", "claims: cities", 4, "not permitted"),
        ("    claim: cities\n", "", 3, "name either"),
        ("    issuer: https://login.example.org\n", "", 12, "stand together"),
        ("contact: Data office, data@example.org\n", "", 1, "required"),
        ("claim: cities", "claim: cities\n    claim: more", 5, "stands twice"),
        ("claim: cities", "claim: *all", 4, "alias"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    file: Path, old: str, new: str, line: int, text: str
) -> None:
    assert old in RULES
    file.write_text(RULES.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(AccessRulesError, match=rf"access\.yaml, line {line}: .*{text}"):
        load_access_rules(file)


def test_a_change_is_seen_at_once_even_with_the_same_size_and_time(file: Path) -> None:
    stamp = file.stat()
    before = load_access_rules(file)
    assert before.find_role(ISSUER, "1", frozenset({"isere"})) is not None
    file.write_text(RULES.replace("claim: isere", "claim: iserX"), encoding="utf-8")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert load_access_rules(file).find_role(ISSUER, "1", frozenset({"isere"})) is None


def test_a_file_that_is_gone_lets_nobody_in(tmp_path: Path) -> None:
    with pytest.raises(AccessRulesError, match="nobody gets in"):
        load_access_rules(tmp_path / "access.yaml")


@pytest.mark.parametrize(
    ("claims", "name", "values"),
    [
        ({"groups": ["a", "b", 3, None, ""]}, "groups", {"a", "b"}),
        ({"role": "a b"}, "role", {"a b"}),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"https://x.y/roles": ["a"]}, "https://x.y/roles", {"a"}),
        ({"groups": {"a": 1}}, "groups", set()),
        ({}, "groups", set()),
    ],
)
def test_values_of_a_claim_are_texts(
    claims: dict[str, object], name: str, values: set[str]
) -> None:
    assert read_claim(claims, name) == values
